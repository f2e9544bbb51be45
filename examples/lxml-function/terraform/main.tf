module "parser" {
  # `orchestrator deploy` puts the module there, in its own version.
  source = "./.orchestrator/lambda-package"

  name        = "lxml-function-${var.environment}"
  environment = var.environment
  handler     = "handler.handler"
  package     = var.packages["parser"]

  architectures      = [var.packages["parser"].architecture]
  log_filters        = { errors = { pattern = "\"[ERROR]\"" } }
  log_retention_days = var.environment == "production" ? 90 : 7
}

output "deployed" {
  description = "What runs now, by package."
  value       = { parser = module.parser.deployed }
}
