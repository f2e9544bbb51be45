variable "account_id" {
  description = "The AWS account, twelve digits; part of the default bucket name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id has twelve digits."
  }
}

variable "bucket" {
  description = "Name of the bucket. Null means `<name>-<account>-<region>`."
  type        = string
  default     = null

  validation {
    condition     = var.bucket == null || can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.bucket))
    error_message = "A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at either end."
  }
}

variable "managed" {
  description = "Whether the bucket is created and kept here (true), or belongs to someone else and is only looked up (false)."
  type        = bool
  default     = true
  nullable    = false
}

variable "name" {
  description = "What the default bucket name begins with."
  type        = string
  default     = "codebuild-orchestrator"
  nullable    = false

  validation {
    condition     = can(regex("[A-Za-z0-9]", var.name))
    error_message = "The name must have at least one letter or digit."
  }
}

variable "partition" {
  description = "The AWS partition of the account: aws, aws-cn, aws-us-gov."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "prefix" {
  description = "What every key begins with, without a slash at either end."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = can(regex("^([A-Za-z0-9!_.-]+(/[A-Za-z0-9!_.-]+)*)?$", var.prefix))
    error_message = "The prefix has letters, digits and the characters !_.- in parts separated by single slashes, with no slash at either end."
  }
}

variable "region" {
  description = "The AWS region; part of the default bucket name."
  type        = string
  nullable    = false
}

variable "retention_days" {
  description = "After how many days snapshots, packages, compiled wheels and the markers of builds are deleted. The build tool stays: it is small, and unchanged projects go on using it."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.retention_days >= 1 && floor(var.retention_days) == var.retention_days
    error_message = "The retention is a whole number of days, at least 1."
  }
}

variable "tags" {
  description = "Tags of the bucket."
  type        = map(string)
  default     = {}
  nullable    = false
}
