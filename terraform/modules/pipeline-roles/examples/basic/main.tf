module "pipeline_roles" {
  source = "../../"

  account_id = "123456789012"
  artifact_store = {
    bucket = "thumbnails-123456789012-eu-central-1"
    prefix = "packages"
  }
  gitlab_project    = "shop/thumbnails"
  handback          = true
  oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.com"
  parameters        = ["/gitlab/trigger/thumbnails"]
  project           = "thumbnails"
  refs = {
    start = [{ name = "main" }, { name = "release/*" }, { name = "v*", type = "tag" }]
  }
  region = "eu-central-1"
  state = {
    bucket = "terraform-states-123456789012"
    key    = "thumbnails/terraform.tfstate"
  }
  tags = { team = "platform" }
}

output "pipeline_roles" {
  description = "What to write into GitLab and into orchestrator.yml."
  value       = module.pipeline_roles.pipeline_roles
}
