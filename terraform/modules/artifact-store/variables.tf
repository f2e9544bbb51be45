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

variable "kms_key_arn" {
  description = "The KMS key that the bucket is encrypted with; null means the AWS managed key `aws/s3`. Whoever uses the bucket needs permission for a key of one's own."
  type        = string
  default     = null

  validation {
    condition     = var.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.kms_key_arn))
    error_message = "A key is spelled like arn:aws:kms:eu-central-1:123456789012:key/0f0e0d0c-1111-2222-3333-444455556666; an alias is none."
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

variable "prefixes" {
  description = "What keys begin with, without a slash at either end: below each, what is old expires. None means that nothing expires but old versions."
  type        = set(string)
  default     = [""]
  nullable    = false

  validation {
    condition     = alltrue([for prefix in var.prefixes : can(regex("^([A-Za-z0-9!_.-]+(/[A-Za-z0-9!_.-]+)*)?$", prefix))])
    error_message = "A prefix has letters, digits and the characters !_.- in parts separated by single slashes, with no slash at either end."
  }

  # Five rules each, and one for the whole bucket, of the 1,000 that a bucket can have.
  validation {
    condition     = length(var.prefixes) <= 199
    error_message = "A bucket has rules for at most 199 prefixes."
  }
}

variable "region" {
  description = "The AWS region; part of the default bucket name."
  type        = string
  nullable    = false
}

variable "retention_days" {
  description = "After how many days snapshots, packages, compiled wheels and the markers of builds are deleted, and old versions of anything. The build tool stays: it is small, and unchanged projects go on using it."
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
