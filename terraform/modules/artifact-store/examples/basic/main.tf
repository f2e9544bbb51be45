module "artifact_store" {
  source = "../../"

  account_id     = "123456789012"
  region         = "eu-central-1"
  retention_days = 14
  tags           = { team = "platform" }
}
