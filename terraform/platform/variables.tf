variable "artifact_store" {
  description = "The bucket of all packages, and after how many days what lies in it is deleted."
  type = object({
    bucket         = string
    retention_days = optional(number, 30)
  })
  nullable = false
}

variable "gitlab" {
  description = <<-EOT
    The GitLab server, and what the tokens of its jobs say in `aud` and `iss` (null means the address). `provider_managed`
    says whether the OIDC provider of this server is made here, or is in the account already.
  EOT
  type = object({
    audience         = optional(string)
    issuer           = optional(string)
    provider_managed = optional(bool, true)
    url              = string
  })
  nullable = false
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds the roles of the pipelines; null for none."
  type        = string
  default     = null
}

variable "projects" {
  description = "The projects, by `project` of their orchestrator.yml, as the module gitlab-oidc takes them."
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
}

variable "published" {
  description = "Under which names of the SSM Parameter Store what is made here can be found: once each, and for each project."
  type = object({
    names    = map(string)
    projects = map(map(string))
    version  = string
  })
  nullable = false

  # The names of other tools are not ours to write.
  validation {
    condition = alltrue([
      for name in concat(values(var.published.names), flatten([for names in values(var.published.projects) : values(names)])) :
      startswith(name, "/orchestrator/platform/")
    ])
    error_message = "Everything is published below /orchestrator/platform/."
  }
}

variable "region" {
  description = "The AWS region of everything here."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[a-z]{2,4}(-[a-z]+)+-[0-9]+$", var.region))
    error_message = "The region is spelled like eu-central-1."
  }
}

variable "state" {
  description = "The bucket of all states, and for how many days old versions of a state are kept."
  type = object({
    bucket         = string
    retention_days = optional(number, 90)
  })
  nullable = false
}

variable "tags" {
  description = "Tags for everything that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}
