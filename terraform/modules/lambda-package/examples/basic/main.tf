module "parser" {
  source = "../../"

  name        = "parser-test"
  environment = "test"
  handler     = "handler.handler"
  package = {
    architecture     = "arm64"
    bucket           = "feeds-123456789012-eu-central-1"
    key              = "artifacts/feeds-parser/3f9c0d51b2a84e67f1d02c9be5a7764433221100/0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0/package.zip"
    kind             = "function"
    runtime          = "python3.12"
    source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    version_id       = "IYV3p45BT0ac8hjHg1houSdS1a.Mro8e"
  }

  environment_variables  = { DB_PASSWORD_PARAMETER = "/feeds/db-password" }
  log_filters            = { errors = { pattern = "\"[ERROR]\"" } }
  log_retention_days     = 90
  notification_topic_arn = "arn:aws:sns:eu-central-1:123456789012:feeds"
  tags                   = { team = "feeds" }
}
