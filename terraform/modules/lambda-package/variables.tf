variable "architectures" {
  description = "The processor that the function or layer is for: `[\"arm64\"]` or `[\"x86_64\"]`, the same as the package's."
  type        = list(string)
  default     = ["arm64"]
  nullable    = false

  validation {
    condition     = length(var.architectures) == 1 && alltrue([for name in var.architectures : contains(["arm64", "x86_64"], name)])
    error_message = "The architectures are [\"arm64\"] or [\"x86_64\"]; machine code is for one of them."
  }
}

variable "description" {
  description = "What the function or layer is for."
  type        = string
  default     = ""
  nullable    = false
}

variable "environment" {
  description = "The environment that is deployed to; the function's alias has its name."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z_-][A-Za-z0-9_-]{0,63}$", var.environment))
    error_message = "The environment has 1 to 64 letters, digits, hyphens and underscores, and does not begin with a digit."
  }
}

variable "environment_variables" {
  description = "The function's environment variables. Never a secret: everybody who may look at the function sees them, and so does the state. Give the name of a parameter instead."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition = alltrue([
      for name in keys(var.environment_variables) :
      !can(regex("(^|_)(PASSWORD|PASSWD|SECRET|TOKEN|API_?KEY|ACCESS_KEY|PRIVATE_KEY|CREDENTIALS?)$", upper(name)))
    ])
    error_message = "A variable with such a name would hold a secret. Store the secret as an SSM parameter and give its name, for example as DB_PASSWORD_PARAMETER."
  }
}

variable "handler" {
  description = "What Lambda calls, such as `handler.handler`; null for a layer."
  type        = string
  default     = null
}

variable "keep_layer_versions" {
  description = "Whether versions of the layer that are no longer used here stay in AWS, also when all of this is removed."
  type        = bool
  default     = false
  nullable    = false
}

variable "kms_key_arns" {
  description = "KMS keys of one's own: for the environment variables and for the log. Null means AWS's own key."
  type = object({
    environment = optional(string)
    log         = optional(string)
  })
  default  = {}
  nullable = false

  validation {
    condition = alltrue([
      for arn in [var.kms_key_arns.environment, var.kms_key_arns.log] :
      arn == null || can(regex("^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$", arn))
    ])
    error_message = "A key is spelled like arn:aws:kms:eu-central-1:123456789012:key/0f0e0d0c-1111-2222-3333-444455556666; an alias is none."
  }
}

variable "layers" {
  description = "The ARNs of the layer versions that the function uses, five at most."
  type        = list(string)
  default     = []
  nullable    = false

  validation {
    condition     = length(var.layers) <= 5
    error_message = "A function has five layers at most."
  }
}

variable "log_filters" {
  description = <<-EOT
    What to be told of: under a name, a filter pattern of CloudWatch Logs, and how many lines (`threshold`) within
    `period_seconds` raise the alarm.
  EOT
  type = map(object({
    pattern        = string
    period_seconds = optional(number, 300)
    threshold      = optional(number, 1)
  }))
  default  = {}
  nullable = false

  validation {
    condition     = alltrue([for name, filter in var.log_filters : can(regex("^[A-Za-z0-9_-]{1,64}$", name)) && filter.threshold >= 1])
    error_message = "The name of a filter has 1 to 64 letters, digits, hyphens and underscores, and its threshold is at least 1."
  }

  validation {
    condition     = alltrue([for filter in values(var.log_filters) : contains([10, 30], filter.period_seconds) || filter.period_seconds % 60 == 0 && filter.period_seconds > 0])
    error_message = "CloudWatch counts over 10 seconds, 30 seconds, or whole minutes."
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

variable "memory_mb" {
  description = "The function's memory in MB; processor time grows with it."
  type        = number
  default     = 256
  nullable    = false

  validation {
    condition     = var.memory_mb >= 128 && var.memory_mb <= 10240 && floor(var.memory_mb) == var.memory_mb
    error_message = "The memory is 128 to 10240 MB."
  }
}

variable "name" {
  description = "The name of the function or layer, and of its role, log group and alarms."
  type        = string
  nullable    = false

  validation {
    condition     = can(regex("^[A-Za-z0-9_-]{1,64}$", var.name))
    error_message = "The name has 1 to 64 letters, digits, hyphens and underscores."
  }
}

variable "notification_topic_arn" {
  description = "The SNS topic that the alarms of `log_filters` are sent to; null leaves them in CloudWatch."
  type        = string
  default     = null

  validation {
    condition     = var.notification_topic_arn == null || can(regex("^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$", var.notification_topic_arn))
    error_message = "The topic is spelled like arn:aws:sns:eu-central-1:123456789012:functions."
  }
}

variable "package" {
  description = "The verified package, as `orchestrator deploy` gives it: where it lies, and what it is."
  type = object({
    architecture     = string
    bucket           = string
    key              = string
    kind             = string
    runtime          = string
    source_code_hash = string
    version_id       = optional(string)
  })
  nullable = false

  validation {
    condition     = contains(["custom", "function", "layer"], var.package.kind)
    error_message = "The kind of a package is function, layer or custom."
  }

  validation {
    condition     = can(regex("^[A-Za-z0-9+/]{43}=$", var.package.source_code_hash))
    error_message = "The source_code_hash is a SHA-256 in base64: sha256_base64 of the manifest."
  }
}

variable "permissions_boundary_arn" {
  description = "The IAM policy that bounds the function's role; null for none."
  type        = string
  default     = null
}

variable "policies" {
  description = "What the function may do besides writing its log: IAM policies as JSON, under names. They belong to the role that is made here, so there are none together with `role`."
  type        = map(string)
  default     = {}
  nullable    = false

  validation {
    condition     = alltrue([for name in keys(var.policies) : can(regex("^[A-Za-z0-9+=,.@_-]{1,128}$", name)) && !contains(["log", "tracing"], name)])
    error_message = "The name of a policy has 1 to 128 letters, digits and the characters +=,.@_- and is neither log nor tracing."
  }
}

variable "reserved_concurrency" {
  description = "How many runs of the function are kept free for it, and are its limit; null reserves none."
  type        = number
  default     = null

  validation {
    condition     = var.reserved_concurrency == null || coalesce(var.reserved_concurrency, 0) >= 0
    error_message = "The reserved concurrency is 0, which stops the function, or more; null reserves none."
  }
}

variable "role" {
  description = "A role for the function, by its `arn`, in place of the one that is made here."
  type        = object({ arn = string })
  default     = null
}

variable "tags" {
  description = "Tags for everything here that can be tagged."
  type        = map(string)
  default     = {}
  nullable    = false
}

variable "timeout_seconds" {
  description = "After how many seconds a run is ended."
  type        = number
  default     = 30
  nullable    = false

  validation {
    condition     = var.timeout_seconds >= 1 && var.timeout_seconds <= 900
    error_message = "The timeout is 1 to 900 seconds."
  }
}

variable "tracing" {
  description = "Whether calls are traced with X-Ray, and the role made here may send the traces."
  type        = bool
  default     = false
  nullable    = false
}
