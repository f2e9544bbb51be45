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
  description = <<-EOT
    The bucket of the project, as `orchestrator prebuild` names it or finds it. `kms_key_arn` is the key that it is encrypted
    with; null for one that needs no permission (`aws/s3`). `managed` says whether prebuild makes it. `prefix` has no slash at
    either end.
  EOT
  type = object({
    bucket      = string
    kms_key_arn = optional(string)
    managed     = optional(bool, true)
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

variable "audience" {
  description = "What the jobs' tokens say in `aud`, one of the audiences of the OIDC provider. Null means the address of the provider."
  type        = string
  default     = null

  validation {
    condition     = var.audience == null || can(regex("^[A-Za-z0-9:/._-]{1,255}$", var.audience))
    error_message = "An audience has letters, digits and the characters :/._- in it."
  }
}

variable "builds" {
  description = <<-EOT
    The CodeBuild projects that the two roles are for: exact names, or one beginning that ends in `*`. Null means
    `<project>-*`. Exact names keep a project apart from another one whose name begins with its own.
  EOT
  type        = set(string)
  default     = null

  validation {
    condition = var.builds == null || (length(coalesce(var.builds, [])) > 0 && alltrue([
      for name in coalesce(var.builds, []) : can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{1,148}[A-Za-z0-9_*-]$", name))
    ]))
    error_message = "A CodeBuild project name has 2 to 150 letters, digits, hyphens and underscores; `*` may stand at its end only."
  }
}

variable "deploy" {
  description = <<-EOT
    For a project whose jobs `test` and `deploy` deploy its packages: the role that they take. `functions` are the names that its
    Terraform gives to functions and layers, exact or one beginning that ends in `*`; null means `<project>-*`. `boundary_arn` is
    the policy that bounds the functions' roles; null makes one that lets a function write its log and send traces. `policy_arns`
    are policies for what else that Terraform makes. `refs` are the refs whose jobs take the role. Null makes no role.
  EOT
  type = object({
    boundary_arn = optional(string)
    functions    = optional(set(string))
    policy_arns  = optional(set(string), [])
    refs = optional(list(object({
      name = string
      type = optional(string, "branch")
    })), [{ name = "main" }])
  })
  default = null

  validation {
    condition = var.deploy == null || alltrue([
      for arn in concat(compact([try(var.deploy.boundary_arn, null)]), tolist(try(var.deploy.policy_arns, []))) :
      can(regex("^arn:[a-z-]+:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$", arn))
    ])
    error_message = "A policy is spelled like arn:aws:iam::123456789012:policy/everybody."
  }

  # They become IAM resources, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition = try(var.deploy.functions, null) == null || (
      length(coalesce(try(var.deploy.functions, null), [])) > 0
      && alltrue([for name in coalesce(try(var.deploy.functions, null), []) : can(regex("^[A-Za-z0-9][A-Za-z0-9_-]{0,62}[A-Za-z0-9_*-]$", name))])
    )
    error_message = "The name of a function has 2 to 64 letters, digits, hyphens and underscores; `*` may stand at its end only."
  }

  # In a condition `$` would begin a variable of IAM.
  validation {
    condition = var.deploy == null || (length(try(var.deploy.refs, [])) > 0 && alltrue([
      for ref in try(var.deploy.refs, []) : contains(["branch", "tag"], ref.type) && can(regex("^[^\\s$:]{1,255}$", ref.name))
    ]))
    error_message = "There is at least one ref, with the type branch or tag, and a name without spaces, `$` and colons."
  }
}

variable "gitlab_project" {
  description = "Full path of the GitLab project whose jobs take the roles, such as `shop/thumbnails`."
  type        = string
  nullable    = false

  # The path becomes part of a condition, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition     = can(regex("^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$", var.gitlab_project))
    error_message = "The GitLab project is a full path like group/name, without wildcards."
  }
}

variable "handback" {
  description = "Whether the project has `return: event`: its function, rule, queue and alarms are then prebuild's to make."
  type        = bool
  default     = false
  nullable    = false
}

variable "oidc_provider_arn" {
  description = "The IAM OIDC provider of the GitLab server."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^arn:[a-z-]+:iam::[0-9]{12}:oidc-provider/[A-Za-z0-9._/-]+$", var.oidc_provider_arn))
    error_message = "The provider is spelled like arn:aws:iam::123456789012:oidc-provider/gitlab.com."
  }
}

variable "parameters" {
  description = "Names of the SSM parameters that builds, or the function of `return: event`, may read. Only names: the values never pass through Terraform."
  type        = set(string)
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
  description = "The IAM policy that bounds the two roles themselves; null for none. What they make is bounded in any case."
  type        = string
  default     = null

  validation {
    condition     = var.permissions_boundary_arn == null || can(regex("^arn:[a-z-]+:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]+$", var.permissions_boundary_arn))
    error_message = "A policy is spelled like arn:aws:iam::123456789012:policy/everybody."
  }
}

variable "project" {
  description = "The project as orchestrator.yml names it: the beginning of all names in AWS."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z0-9][a-z0-9-]{0,62}$", var.project))
    error_message = "A project's name has 1 to 63 lower-case letters, digits and hyphens, and begins with a letter or digit."
  }
}

variable "reach" {
  description = <<-EOT
    What builds may be given in `orchestrator.yml` besides: a `cache` in S3, images in these repositories of Amazon ECR,
    these secrets with credentials of other registries, and one network. Nothing by default.
  EOT
  type = object({
    cache                 = optional(bool, false)
    image_repository_arns = optional(list(string), [])
    network = optional(object({
      security_groups = list(string)
      subnets         = list(string)
    }))
    registry_credential_arns = optional(list(string), [])
  })
  default  = {}
  nullable = false

  # They become IAM resources, where `*`, `?` and `$` would mean more than themselves.
  validation {
    condition = alltrue([
      for arn in var.reach.image_repository_arns : can(regex("^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9._/-]+$", arn))
    ])
    error_message = "A repository is spelled like arn:aws:ecr:eu-central-1:123456789012:repository/team/builder."
  }

  validation {
    condition = alltrue([
      for arn in var.reach.registry_credential_arns : can(regex("^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+$", arn))
    ])
    error_message = "A credential is spelled like arn:aws:secretsmanager:eu-central-1:123456789012:secret:name."
  }

  validation {
    condition = var.reach.network == null || (
      alltrue([for id in try(var.reach.network.subnets, []) : can(regex("^subnet-[0-9a-f]+$", id))])
      && alltrue([for id in try(var.reach.network.security_groups, []) : can(regex("^sg-[0-9a-f]+$", id))])
      && length(try(var.reach.network.subnets, [])) > 0
    )
    error_message = "A network has subnets (subnet-…) and security groups (sg-…)."
  }
}

variable "refs" {
  description = <<-EOT
    The branches and tags whose jobs take the roles, by role: `apply` for prebuild, `start` for all other jobs. Each must
    be protected in GitLab, because AWS cannot ask whether it is. `*` and `?` in a name stand for anything.
  EOT
  type = object({
    apply = optional(list(object({
      name = string
      type = optional(string, "branch")
    })), [{ name = "main" }])
    start = optional(list(object({
      name = string
      type = optional(string, "branch")
    })), [{ name = "main" }])
  })
  default  = {}
  nullable = false

  validation {
    condition     = length(var.refs.apply) > 0 && length(var.refs.start) > 0
    error_message = "Each role needs at least one ref: a role that nobody takes is no use."
  }

  # In a condition `$` would begin a variable of IAM.
  validation {
    condition = alltrue([
      for ref in concat(var.refs.apply, var.refs.start) :
      contains(["branch", "tag"], ref.type) && can(regex("^[^\\s$:]{1,255}$", ref.name))
    ])
    error_message = "A ref has the type branch or tag, and a name without spaces, `$` and colons."
  }
}

variable "region" {
  description = "The AWS region of the builds."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region is spelled like eu-central-1."
  }
}

variable "state" {
  description = "Where Terraform keeps the state of the project, with `terraform.state: s3`; null for other states."
  type = object({
    bucket = string
    key    = string
  })
  default = null

  validation {
    condition = var.state == null || (
      can(regex("^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$", var.state.bucket)) && can(regex("^[A-Za-z0-9!_./-]+$", var.state.key))
    )
    error_message = "The state lies in a bucket, under a key of letters, digits and the characters !_./- in it."
  }
}

variable "tags" {
  description = "Tags for everything here that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}
