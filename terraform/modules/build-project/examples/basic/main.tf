module "build_project" {
  source = "../../"

  account_id = "123456789012"
  artifact_store = {
    bucket = "codebuild-orchestrator-123456789012-eu-central-1"
    prefix = "packages"
  }
  buildspec   = file("${path.module}/buildspec.yml")
  description = "Builds the package thumbnails for arm64"
  environment = {
    architecture = "arm64"
    image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    type         = "ARM_CONTAINER"
  }
  name            = "thumbnails-arm64"
  parameters      = ["/gitlab/trigger/thumbnails"]
  region          = "eu-central-1"
  settings_digest = "sha256:0000000000000000000000000000000000000000000000000000000000000000"
  tags            = { team = "platform" }
}
