# `orchestrator deploy` puts the module into `.orchestrator`, in its own version.

module "pycurl" {
  source = "./.orchestrator/lambda-package"

  name        = "pycurl-${var.environment}"
  environment = var.environment
  package     = var.packages["pycurl"]

  architectures = [var.packages["pycurl"].architecture]
}

module "probe" {
  source = "./.orchestrator/lambda-package"

  name        = "pycurl-probe-${var.environment}"
  environment = var.environment
  handler     = "handler.handler"
  package     = var.packages["probe"]

  architectures = [var.packages["probe"].architecture]
  layers        = [module.pycurl.deployed.arn]
}

output "deployed" {
  description = "What runs now, by package."
  value       = { probe = module.probe.deployed, pycurl = module.pycurl.deployed }
}
