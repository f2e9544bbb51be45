module "handback" {
  source = "../../"

  account_id = "123456789012"
  artifact_store = {
    bucket = "codebuild-orchestrator-123456789012-eu-central-1"
    prefix = "packages"
  }
  code = {
    file   = "${path.module}/handback.zip"
    sha256 = filesha256("${path.module}/handback.zip")
  }
  gitlab = {
    api_url         = "https://gitlab.com/api/v4"
    project         = "shop/thumbnails"
    token_parameter = "/gitlab/trigger/thumbnails"
  }
  name     = "thumbnails"
  projects = ["thumbnails-arm64", "thumbnails-x86_64"]
  region   = "eu-central-1"
  tags     = { team = "platform" }
}
