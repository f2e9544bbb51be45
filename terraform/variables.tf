variable "artifact_store" {
  description = <<-EOT
    Where packages, snapshots of commits and the build tool are kept. `bucket` names the bucket; null means
    `<name>-<account>-<region>`. `managed` says whether this root creates the bucket or only uses it. `kms_key_arn` is the
    key that it is encrypted with; null for one that needs no permission (`aws/s3`). `prefix` is put before every key,
    without a slash at either end.
  EOT
  type = object({
    bucket         = optional(string)
    kms_key_arn    = optional(string)
    managed        = optional(bool, true)
    name           = optional(string, "codebuild-orchestrator")
    prefix         = optional(string, "")
    retention_days = optional(number, 30)
  })
  default  = {}
  nullable = false

  validation {
    condition     = var.artifact_store.managed || var.artifact_store.bucket != null
    error_message = "A bucket that is not managed here must be named: artifact_store.bucket is null and artifact_store.managed is false."
  }
}

variable "builds" {
  description = "The CodeBuild projects to have, by project name. What goes together is said by the module build-project."
  type = map(object({
    architecture          = string
    build_timeout_minutes = optional(number, 60)
    buildspec             = string
    cache = optional(object({
      modes = optional(list(string), [])
      type  = string
    }))
    compute_type            = optional(string, "BUILD_GENERAL1_SMALL")
    concurrent_build_limit  = optional(number)
    description             = optional(string, "")
    environment_type        = string
    fleet_arn               = optional(string)
    image                   = string
    log_retention_days      = optional(number, 30)
    parameters              = optional(list(string), [])
    privileged              = optional(bool, false)
    queued_timeout_minutes  = optional(number, 480)
    registry_credential_arn = optional(string)
    settings_digest         = string
    variables               = optional(map(string), {})
    vpc = optional(object({
      id              = string
      security_groups = list(string)
      subnets         = list(string)
    }))
  }))
  nullable = false

  validation {
    condition = alltrue([
      for build in values(var.builds) : contains(
        ["arm64 ARM_CONTAINER", "arm64 ARM_LAMBDA_CONTAINER", "x86_64 LINUX_CONTAINER", "x86_64 LINUX_LAMBDA_CONTAINER"],
        "${build.architecture} ${build.environment_type}"
      )
    ])
    error_message = "Each of builds needs architecture arm64 with environment_type ARM_CONTAINER or ARM_LAMBDA_CONTAINER, or x86_64 with LINUX_CONTAINER or LINUX_LAMBDA_CONTAINER: a build runs on the architecture that it builds for."
  }

  validation {
    condition = alltrue([
      for build in values(var.builds) : contains(
        endswith(build.environment_type, "_LAMBDA_CONTAINER")
        ? ["BUILD_LAMBDA_1GB", "BUILD_LAMBDA_2GB", "BUILD_LAMBDA_4GB", "BUILD_LAMBDA_8GB", "BUILD_LAMBDA_10GB"]
        : ["BUILD_GENERAL1_SMALL", "BUILD_GENERAL1_MEDIUM", "BUILD_GENERAL1_LARGE", "BUILD_GENERAL1_XLARGE", "BUILD_GENERAL1_2XLARGE"],
        build.compute_type
      )
    ])
    error_message = "ARM_CONTAINER and LINUX_CONTAINER take the compute_type BUILD_GENERAL1_SMALL to BUILD_GENERAL1_2XLARGE, ARM_LAMBDA_CONTAINER and LINUX_LAMBDA_CONTAINER take BUILD_LAMBDA_1GB to BUILD_LAMBDA_10GB."
  }

  # A build is sent to Lambda without what it cannot have; here somebody has asked for it.
  validation {
    condition = alltrue([
      for build in values(var.builds) :
      !endswith(build.environment_type, "_LAMBDA_CONTAINER") || (build.vpc == null && build.cache == null)
    ])
    error_message = "Lambda compute has no vpc and no cache."
  }

  validation {
    condition = alltrue([
      for build in values(var.builds) : build.vpc == null || try(build.cache.type, "S3") == "S3"
    ])
    error_message = "A LOCAL cache does not work in a VPC: use S3."
  }

  validation {
    condition = alltrue([
      for build in values(var.builds) :
      !contains(try(build.cache.modes, []), "LOCAL_DOCKER_LAYER_CACHE") || build.privileged
    ])
    error_message = "LOCAL_DOCKER_LAYER_CACHE needs privileged."
  }
}

variable "editor" {
  description = "Who started the pipeline; becomes the tag `editor` of the CodeBuild projects."
  type        = string
  default     = null
}

variable "handback" {
  description = <<-EOT
    The function that tells GitLab when a build has ended; null where the builds tell it themselves. `code.file` is the
    function's zip, beside these files. `gitlab` says whom to call, with the name of the parameter that holds the token.
  EOT
  type = object({
    alarm_topic_arn = optional(string)
    code = object({
      file   = optional(string, "handback.zip")
      sha256 = string
    })
    gitlab = object({
      api_url         = string
      inputs          = optional(bool, true)
      project         = string
      token_parameter = string
    })
    kms_key_arns = optional(object({
      log   = optional(string)
      token = optional(string)
    }), {})
    log_retention_days   = optional(number, 30)
    reserved_concurrency = optional(number)
    timeout_seconds      = optional(number, 120)
  })
  default = null
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds every role that is made here; null for none."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "A policy is spelled like arn:aws:iam::123456789012:policy/orchestrator/thumbnails-bound."
  }
}

variable "region" {
  description = "The AWS region of everything here."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region is spelled like eu-central-1."
  }
}

variable "tags" {
  description = "Tags for everything that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}
