variable "account_id" {
  description = "The AWS account, twelve digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id has twelve digits."
  }
}

variable "alarm_topic_arn" {
  description = "The SNS topic that the alarms are sent to; null leaves them in CloudWatch."
  type        = string
  default     = null

  validation {
    condition     = var.alarm_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.alarm_topic_arn))
    error_message = "The topic is spelled like arn:aws:sns:eu-central-1:123456789012:builds."
  }
}

variable "artifact_store" {
  description = "Where the function keeps its markers, below `handback/`. `kms_key_arn` is the key of the bucket; null for one that needs no permission (`aws/s3`). `prefix` has no slash at either end."
  type = object({
    bucket      = string
    kms_key_arn = optional(string)
    prefix      = optional(string, "")
  })
  nullable = false

  # The prefix becomes part of an IAM resource, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition     = can(regex("^([A-Za-z0-9!_.-]+(/[A-Za-z0-9!_.-]+)*)?$", var.artifact_store.prefix))
    error_message = "The prefix has letters, digits and the characters !_.- in parts separated by single slashes, with no slash at either end."
  }

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.artifact_store.bucket))
    error_message = "A bucket name has 3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit at either end."
  }

  validation {
    condition     = var.artifact_store.kms_key_arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", var.artifact_store.kms_key_arn))
    error_message = "A key is spelled like arn:aws:kms:eu-central-1:123456789012:key/0f0e0d0c-1111-2222-3333-444455556666; an alias is none."
  }
}

variable "code" {
  description = "The function's zip: the path of the file, and the SHA-256, in hex, that it must have."
  type = object({
    file   = string
    sha256 = string
  })
  nullable = false

  validation {
    condition     = can(regex("^[0-9a-f]{64}$", var.code.sha256))
    error_message = "A SHA-256 has 64 hexadecimal digits."
  }
}

variable "gitlab" {
  description = <<-EOT
    The GitLab project that is called: the root of its API, its id or path, and the name of the SSM parameter that holds
    the trigger token. `inputs` says whether the build id is first offered as the pipeline input `orchestrator_build_id`.
  EOT
  type = object({
    api_url         = string
    inputs          = optional(bool, true)
    project         = string
    token_parameter = string
  })
  nullable = false

  validation {
    condition     = can(regex("^(https://|http://(127\\.0\\.0\\.1|localhost)(:[0-9]+)?/)[^\\s@?#]+$", var.gitlab.api_url))
    error_message = "The address of the API begins with https:// and has no user name, query or fragment."
  }

  validation {
    condition     = can(regex("^([0-9]+|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+)$", var.gitlab.project))
    error_message = "The GitLab project is a number or a path like group/name."
  }

  # The name becomes part of an IAM resource, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition     = can(regex("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", var.gitlab.token_parameter))
    error_message = "The name of an SSM parameter has letters, digits and the characters _.- in parts separated by slashes."
  }
}

variable "kms_key_arns" {
  description = "KMS keys of one's own: for the log, and the one that encrypts the trigger token. Null means AWS's own key."
  type = object({
    log   = optional(string)
    token = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for arn in [var.kms_key_arns.log, var.kms_key_arns.token] :
      arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))
    ])
    error_message = "A key is spelled like arn:aws:kms:eu-central-1:123456789012:key/0f0e0d0c-1111-2222-3333-444455556666; an alias is none."
  }
}

variable "log_retention_days" {
  description = "For how many days CloudWatch keeps the function's log."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition = contains(
      [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
      var.log_retention_days
    )
    error_message = "CloudWatch keeps logs for 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 or 3653 days."
  }
}

variable "name" {
  description = "What the names here begin with; `-handback` follows."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,149}$", var.name))
    error_message = "The name has 1 to 150 letters, digits, hyphens and underscores, and begins with a letter or digit."
  }
}

variable "partition" {
  description = "The AWS partition of the account: aws, aws-cn, aws-us-gov."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds the function's role; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "A policy is spelled like arn:aws:iam::123456789012:policy/orchestrator/thumbnails-bound."
  }
}

variable "projects" {
  description = "The names of the CodeBuild projects whose builds are brought home."
  type        = set(string)
  nullable    = false

  validation {
    condition     = length(var.projects) > 0 && alltrue([for name in var.projects : can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$", name))])
    error_message = "There must be at least one project; a CodeBuild project name has 2 to 150 letters, digits, hyphens and underscores, and begins with a letter or digit."
  }

  # Lambda takes 4 KB of environment variables (Lambda quotas), and IAM 10,240 characters of inline policy with an ARN each.
  validation {
    condition     = length(join("\",\"", var.projects)) <= 3000
    error_message = "The names of all projects together must not exceed 3000 characters: the function's environment holds no more."
  }
}

variable "region" {
  description = "The AWS region of everything here."
  type        = string
  nullable    = false
}

variable "reserved_concurrency" {
  description = "How many runs of the function are kept free for it, and are its limit; null reserves none."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || coalesce(var.reserved_concurrency, 1) >= 1
    error_message = "The reserved concurrency is at least 1, or null for none."
  }
}

variable "tags" {
  description = "Tags for everything here that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "timeout_seconds" {
  description = "After how many seconds a run is ended; GitLab is tried again for all but the last 15 of them."
  type        = number
  default     = 120
  nullable    = false

  # Lambda's second retry comes three minutes after the first run. By then a claim of the first must have run out.
  validation {
    condition     = var.timeout_seconds >= 30 && var.timeout_seconds <= 150
    error_message = "The timeout is 30 to 150 seconds."
  }
}
