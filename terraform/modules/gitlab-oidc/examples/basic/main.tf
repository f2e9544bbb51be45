module "gitlab_oidc" {
  source = "../../"

  account_id     = "123456789012"
  artifact_store = { bucket = "orchestrator-packages-123456789012-eu-central-1" }
  gitlab_url     = "https://gitlab.com"
  projects = {
    shop-thumbnails = {
      gitlab_project = "shop/thumbnails"
      parameters     = ["/gitlab/trigger/shop-thumbnails"]
      refs = {
        start = [{ name = "main" }, { name = "release/*" }, { name = "v*", type = "tag" }]
      }
    }
  }
  region       = "eu-central-1"
  state_bucket = "orchestrator-states-123456789012-eu-central-1"
  tags         = { team = "platform" }
}

output "gitlab_oidc" {
  description = "What to write into GitLab and into orchestrator.yml."
  value       = module.gitlab_oidc.gitlab_oidc
}
