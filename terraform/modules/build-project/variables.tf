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
  description = "Where the build finds its commit and its tool and leaves its package. `kms_key_arn` is the key of the bucket; null for one that needs no permission (`aws/s3`). `prefix` has no slash at either end."
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

variable "cache" {
  description = "What CodeBuild keeps for later builds of this project: `type` S3, in the artifact store below `cache/<name>`, or LOCAL with `modes`. Which folders, the buildspec says. Null for nothing."
  type = object({
    modes = optional(list(string), [])
    type  = string
  })
  default = null

  validation {
    condition     = var.cache == null || contains(["LOCAL", "S3"], try(var.cache.type, ""))
    error_message = "A cache has the type S3 or LOCAL."
  }

  # LOCAL_SOURCE_CACHE is none of them: these projects have no source.
  validation {
    condition = var.cache == null || (
      try(var.cache.type, "") == "S3" ? length(try(var.cache.modes, [])) == 0
      : length(try(var.cache.modes, [])) > 0 && length(setsubtract(try(var.cache.modes, []), ["LOCAL_CUSTOM_CACHE", "LOCAL_DOCKER_LAYER_CACHE"])) == 0
    )
    error_message = "A LOCAL cache has the modes LOCAL_CUSTOM_CACHE, LOCAL_DOCKER_LAYER_CACHE or both; a cache in S3 has none."
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
  description = "The machine that builds. These must go together, see the rules below. `registry_credential_arn` is a secret with user name and password of a private registry; an image in Amazon ECR needs none."
  type = object({
    architecture            = string
    compute_type            = optional(string, "BUILD_GENERAL1_SMALL")
    fleet_arn               = optional(string)
    image                   = string
    privileged              = optional(bool, false)
    registry_credential_arn = optional(string)
    type                    = string
  })
  nullable = false

  validation {
    condition = contains(
      ["arm64 ARM_CONTAINER", "arm64 ARM_LAMBDA_CONTAINER", "x86_64 LINUX_CONTAINER", "x86_64 LINUX_LAMBDA_CONTAINER"],
      "${var.environment.architecture} ${var.environment.type}"
    )
    error_message = "Architecture arm64 is built in type ARM_CONTAINER or ARM_LAMBDA_CONTAINER and x86_64 in LINUX_CONTAINER or LINUX_LAMBDA_CONTAINER: a build runs on the architecture that it builds for."
  }

  validation {
    condition = contains(
      endswith(var.environment.type, "_LAMBDA_CONTAINER")
      ? ["BUILD_LAMBDA_1GB", "BUILD_LAMBDA_2GB", "BUILD_LAMBDA_4GB", "BUILD_LAMBDA_8GB", "BUILD_LAMBDA_10GB"]
      : ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE", "BUILD_GENERAL1_2XLARGE"],
      var.environment.compute_type
    )
    error_message = "ARM_CONTAINER and LINUX_CONTAINER take the compute_type BUILD_GENERAL1_SMALL to BUILD_GENERAL1_2XLARGE, ARM_LAMBDA_CONTAINER and LINUX_LAMBDA_CONTAINER take BUILD_LAMBDA_1GB to BUILD_LAMBDA_10GB."
  }

  validation {
    condition = !endswith(var.environment.type, "_LAMBDA_CONTAINER") || (
      !var.environment.privileged && var.environment.fleet_arn == null
    )
    error_message = "Lambda compute has no privileged mode and no fleet."
  }

  validation {
    condition = !can(regex("^(public\\.ecr\\.aws|aws)/codebuild/", var.environment.image)) || can(regex(
      {
        ARM_CONTAINER          = "^(public\\.ecr\\.aws|aws)/codebuild/amazonlinux2?-aarch64-standard:"
        ARM_LAMBDA_CONTAINER   = "^(public\\.ecr\\.aws|aws)/codebuild/amazonlinux-aarch64-lambda-standard:"
        LINUX_CONTAINER        = "^(public\\.ecr\\.aws|aws)/codebuild/(standard|amazonlinux2?-x86_64-standard):"
        LINUX_LAMBDA_CONTAINER = "^(public\\.ecr\\.aws|aws)/codebuild/amazonlinux-x86_64-lambda-standard:"
      }[var.environment.type],
    var.environment.image))
    error_message = "Of CodeBuild's own images, ARM_CONTAINER takes the family amazonlinux-aarch64-standard, LINUX_CONTAINER takes standard or amazonlinux-x86_64-standard, and Lambda compute takes amazonlinux-aarch64-lambda-standard or amazonlinux-x86_64-lambda-standard. Images for GPU, Windows and EC2 fleets do not run in these types."
  }

  validation {
    condition     = can(regex("^[^\\s:@]+(:[0-9]+/[^\\s:@]+)?([:@][^\\s@]+)?(@sha256:[0-9a-f]{64})?$", var.environment.image))
    error_message = "The image is spelled name:tag or name@sha256:digest."
  }

  validation {
    condition     = var.environment.fleet_arn == null || can(regex("^arn:[a-z-]+:codebuild:[a-z0-9-]+:[0-9]{12}:fleet/[A-Za-z0-9_:-]+$", var.environment.fleet_arn))
    error_message = "A fleet is spelled like arn:aws:codebuild:eu-central-1:123456789012:fleet/name:id."
  }

  # It becomes an IAM resource, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition     = var.environment.registry_credential_arn == null || can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", var.environment.registry_credential_arn))
    error_message = "A credential is spelled like arn:aws:secretsmanager:eu-central-1:123456789012:secret:name."
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

variable "vpc" {
  description = "The network that builds run in; null for CodeBuild's own."
  type = object({
    id              = string
    security_groups = list(string)
    subnets         = list(string)
  })
  default = null

  # They become IAM resources, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition = var.vpc == null || (
      can(regex("^vpc-[0-9a-f]+$", try(var.vpc.id, "")))
      && length(try(var.vpc.subnets, [])) >= 1 && length(try(var.vpc.subnets, [])) <= 16
      && alltrue([for id in try(var.vpc.subnets, []) : can(regex("^subnet-[0-9a-f]+$", id))])
      && length(try(var.vpc.security_groups, [])) >= 1 && length(try(var.vpc.security_groups, [])) <= 5
      && alltrue([for id in try(var.vpc.security_groups, []) : can(regex("^sg-[0-9a-f]+$", id))])
    )
    error_message = "A network is a VPC (vpc-…) with 1 to 16 subnets (subnet-…) and 1 to 5 security groups (sg-…)."
  }
}
