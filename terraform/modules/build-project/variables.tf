variable "account_id" {
  description = "The AWS account, twelve digits."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[0-9]{12}$", var.account_id))
    error_message = "An AWS account id has twelve digits."
  }
}

variable "artifact_store" {
  description = "Where the build finds its commit and its tool and leaves its package. `prefix` has no slash at either end."
  type = object({
    bucket = string
    prefix = optional(string, "")
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
}

variable "build_timeout_minutes" {
  description = "After how many minutes a running build is ended."
  type        = number
  default     = 60
  nullable    = false

  validation {
    condition     = var.build_timeout_minutes >= 5 && var.build_timeout_minutes <= 2160
    error_message = "CodeBuild takes a build timeout of 5 to 2160 minutes."
  }
}

variable "buildspec" {
  description = "The buildspec itself, not a path: nobody who can only push to the repository can change what is run."
  type        = string
  nullable    = false

  validation {
    condition     = strcontains(var.buildspec, "\n")
    error_message = "The buildspec is the text itself: a single line would be taken by CodeBuild as the path of a file in the source."
  }
}

variable "concurrent_build_limit" {
  description = "How many builds of this project may run at once; null leaves it to the account's quota."
  type        = number
  default     = null

  validation {
    condition     = var.concurrent_build_limit == null || coalesce(var.concurrent_build_limit, 1) >= 1
    error_message = "The concurrent build limit is at least 1, or null for none."
  }
}

variable "description" {
  description = "What the project builds, in a sentence."
  type        = string
  default     = ""
  nullable    = false

  validation {
    condition     = length(var.description) <= 255
    error_message = "CodeBuild takes descriptions of at most 255 characters."
  }
}

variable "editor" {
  description = "Who started the pipeline; becomes the tag `editor`."
  type        = string
  default     = null
}

variable "environment" {
  description = "The machine that builds. These four must go together, see the rules below."
  type = object({
    architecture = string
    compute_type = optional(string, "BUILD_GENERAL1_SMALL")
    image        = string
    type         = string
  })
  nullable = false

  validation {
    condition = contains(
      ["arm64 ARM_CONTAINER", "x86_64 LINUX_CONTAINER"], "${var.environment.architecture} ${var.environment.type}"
    )
    error_message = "Architecture arm64 is built in type ARM_CONTAINER and x86_64 in LINUX_CONTAINER: a build runs on the architecture that it builds for."
  }

  validation {
    condition = contains([
      "BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE", "BUILD_GENERAL1_2XLARGE"
    ], var.environment.compute_type)
    error_message = "ARM_CONTAINER and LINUX_CONTAINER take the compute_type BUILD_GENERAL1_SMALL, BUILD_GENERAL1_MEDIUM, BUILD_GENERAL1_LARGE, BUILD_GENERAL1_XLARGE or BUILD_GENERAL1_2XLARGE."
  }

  validation {
    condition = !can(regex("^(public\\.ecr\\.aws|aws)/codebuild/", var.environment.image)) || can(regex(
      var.environment.architecture == "arm64"
      ? "^(public\\.ecr\\.aws|aws)/codebuild/amazonlinux2?-aarch64-standard:"
      : "^(public\\.ecr\\.aws|aws)/codebuild/(standard|amazonlinux2?-x86_64-standard):",
    var.environment.image))
    error_message = "Of CodeBuild's own images, arm64 takes the family amazonlinux-aarch64-standard, and x86_64 takes standard or amazonlinux-x86_64-standard. Images for Lambda compute, GPU, Windows and EC2 fleets do not run in a container of these types."
  }

  validation {
    condition     = can(regex("^[^\\s:@]+(:[0-9]+/[^\\s:@]+)?([:@][^\\s@]+)?(@sha256:[0-9a-f]{64})?$", var.environment.image))
    error_message = "The image is spelled name:tag or name@sha256:digest."
  }
}

variable "log_retention_days" {
  description = "For how many days CloudWatch keeps the logs of the builds."
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
  description = "Name of the CodeBuild project."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{1,149}$", var.name))
    error_message = "A CodeBuild project name has 2 to 150 letters, digits, hyphens and underscores, and begins with a letter or digit."
  }
}

variable "parameters" {
  description = "Names of the SSM parameters that a build may read. Only names: the values never pass through Terraform."
  type        = list(string)
  default     = []
  nullable    = false

  # The name becomes part of an IAM resource, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition     = alltrue([for name in var.parameters : can(regex("^/?[A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*$", name))])
    error_message = "The name of an SSM parameter has letters, digits and the characters _.- in parts separated by slashes."
  }
}

variable "partition" {
  description = "The AWS partition of the account: aws, aws-cn, aws-us-gov."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds the role of the builds; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "A policy is spelled like arn:aws:iam::123456789012:policy/orchestrator/thumbnails-bound."
  }
}

variable "queued_timeout_minutes" {
  description = "After how many minutes a build that waits for a machine is given up."
  type        = number
  default     = 480
  nullable    = false

  validation {
    condition     = var.queued_timeout_minutes >= 5 && var.queued_timeout_minutes <= 480
    error_message = "CodeBuild takes a queued timeout of 5 to 480 minutes."
  }
}

variable "region" {
  description = "The AWS region of the project."
  type        = string
  nullable    = false
}

variable "settings_digest" {
  description = "Digest of everything that went into this project; becomes a tag, by which an unchanged project is recognised."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9:_.-]{1,256}$", var.settings_digest))
    error_message = "The settings digest becomes a tag value: 1 to 256 letters, digits and the characters :_.- in it."
  }
}

variable "tags" {
  description = "Tags for everything here that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "variables" {
  description = "Environment variables of every build, in plain text. ORCHESTRATOR_BUCKET and ORCHESTRATOR_PREFIX are added."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.variables) : can(regex("^[A-Za-z_][A-Za-z0-9_]*$", name)) && !startswith(name, "CODEBUILD_")
    ])
    error_message = "The name of a variable has letters, digits and underscores and does not begin with a digit, nor with CODEBUILD_, which belongs to CodeBuild."
  }
}
