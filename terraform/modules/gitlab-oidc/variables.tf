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
  description = "The bucket that the projects share, each below its own name; `kms_key_arn` is its key, null for one that needs no permission (`aws/s3`)."
  type = object({
    bucket      = string
    kms_key_arn = optional(string)
  })
  nullable = false
}

variable "audience" {
  description = "What the jobs' tokens say in `aud`. Null means the address of the GitLab server."
  type        = string
  default     = null

  validation {
    condition     = var.audience == null || can(regex("^[A-Za-z0-9:/._-]{1,255}$", var.audience))
    error_message = "An audience has letters, digits and the characters :/._- in it."
  }
}

variable "gitlab_url" {
  description = "Address of the GitLab server, as its tokens say it in `iss`: https, no port."
  type        = string
  default     = "https://gitlab.com"
  nullable    = false

  # IAM API: CreateOpenIDConnectProvider. The address becomes part of an ARN, where `*`, `?` and `$` would mean more.
  validation {
    condition     = can(regex("^https://[A-Za-z0-9.-]+(/[A-Za-z0-9._~%+-]+)*/?$", var.gitlab_url))
    error_message = "The address begins with https:// and has no port, no query and no fragment: AWS fetches the keys of the tokens from there."
  }
}

variable "partition" {
  description = "The AWS partition of the account: aws, aws-cn, aws-us-gov."
  type        = string
  default     = "aws"
  nullable    = false
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds the roles themselves; null for none."
  type        = string
  default     = null
}

variable "projects" {
  description = <<-EOT
    The projects, by `project` of their orchestrator.yml: the full path in GitLab, the CodeBuild projects (null means
    `<project>-*`), whether and how it deploys (null means it does not), whether there is `return: event`, the SSM parameters of
    its builds, what builds reach besides (network, cache, private images), and the refs whose jobs take the roles. The module
    pipeline-roles says more about each.
  EOT
  type = map(object({
    builds = optional(set(string))
    deploy = optional(object({
      boundary_arn = optional(string)
      functions    = optional(set(string))
      policy_arns  = optional(set(string), [])
      refs = optional(list(object({
        name = string
        type = optional(string, "branch")
      })), [{ name = "main" }])
    }))
    gitlab_project = string
    handback       = optional(bool, false)
    parameters     = optional(set(string), [])
    reach = optional(object({
      cache                 = optional(bool, false)
      image_repository_arns = optional(list(string), [])
      network = optional(object({
        security_groups = list(string)
        subnets         = list(string)
      }))
      registry_credential_arns = optional(list(string), [])
    }), {})
    refs = optional(object({
      apply = optional(list(object({
        name = string
        type = optional(string, "branch")
      })), [{ name = "main" }])
      start = optional(list(object({
        name = string
        type = optional(string, "branch")
      })), [{ name = "main" }])
    }), {})
  }))
  nullable = false

  # What begins with the name of one project must not be another's, unless each says what is its own.
  validation {
    condition = length([
      for pair in setproduct(keys(var.projects), keys(var.projects)) : pair
      if pair[0] != pair[1] && startswith(pair[1], "${pair[0]}-") && var.projects[pair[0]].builds == null
    ]) == 0
    error_message = "Where one project's name is another's with more behind a hyphen, the shorter one needs its builds named: `builds`."
  }

  validation {
    condition = length([
      for pair in setproduct(keys(var.projects), keys(var.projects)) : pair
      if pair[0] != pair[1] && startswith(pair[1], "${pair[0]}-")
      && var.projects[pair[0]].deploy != null && try(var.projects[pair[0]].deploy.functions, null) == null
    ]) == 0
    error_message = "Where one project's name is another's with more behind a hyphen, the shorter one needs its functions named: `deploy.functions`."
  }
}

variable "provider_managed" {
  description = "Whether the OIDC provider is made and kept here (true), or is there already (false)."
  type        = bool
  default     = true
  nullable    = false
}

variable "region" {
  description = "The AWS region of the builds."
  type        = string
  nullable    = false
}

variable "state_bucket" {
  description = "The bucket that holds the projects' states of Terraform, each as `<project>/terraform.tfstate`; null for other states."
  type        = string
  default     = null
}

variable "tags" {
  description = "Tags for everything here that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}
