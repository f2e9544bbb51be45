# Both are written by `orchestrator deploy`.

variable "environment" {
  description = "Where to deploy: test or production."
  type        = string
}

variable "packages" {
  description = "The verified packages of the commit, by name."
  type = map(object({
    architecture     = string
    bucket           = string
    commit           = string
    key              = string
    kind             = string
    runtime          = string
    source_code_hash = string
    version_id       = optional(string)
  }))
}
