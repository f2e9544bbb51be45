output "deployed" {
  description = <<-EOT
    What is deployed: `arn` of the function or of the layer's version, `name`, `version`, `source_code_hash` and
    `architecture`; of a function also `alias`, `alias_arn`, `log_group` and `role_arn`, which a layer has as null.
  EOT
  value = {
    alias            = one([for alias in aws_lambda_alias.this : alias.name])
    alias_arn        = one([for alias in aws_lambda_alias.this : alias.arn])
    architecture     = var.package.architecture
    arn              = one(concat([for f in aws_lambda_function.this : f.arn], [for l in aws_lambda_layer_version.this : l.arn]))
    kind             = local.layer ? "layer" : "function"
    log_group        = one([for group in aws_cloudwatch_log_group.this : group.name])
    name             = var.name
    role_arn         = local.layer ? null : local.role_arn
    source_code_hash = var.package.source_code_hash
    version          = one(concat([for f in aws_lambda_function.this : f.version], [for l in aws_lambda_layer_version.this : l.version]))
  }
}
