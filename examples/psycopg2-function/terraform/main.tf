module "report" {
  # `orchestrator deploy` puts the module there, in its own version.
  source = "./.orchestrator/lambda-package"

  name        = "psycopg2-function-${var.environment}"
  environment = var.environment
  handler     = "handler.handler"
  package     = var.packages["report"]

  architectures = [var.packages["report"].architecture]
}

output "deployed" {
  description = "What runs now, by package."
  value       = { report = module.report.deployed }
}
