# Who GitLab's jobs are, and what they may take. An account can have one provider for each address of a GitLab server, so one that
# is there is used and left alone (`provider_managed`).

locals {
  issuer   = trimsuffix(trimprefix(var.gitlab_url, "https://"), "/")
  arn      = "arn:${var.partition}:iam::${var.account_id}:oidc-provider/${local.issuer}"
  audience = coalesce(var.audience, "https://${local.issuer}")
}

resource "aws_iam_openid_connect_provider" "this" {
  for_each = var.provider_managed ? { this = "https://${local.issuer}" } : {}

  client_id_list = [local.audience]
  url            = each.value
  tags           = var.tags
}

module "roles" {
  for_each = var.projects
  source   = "../pipeline-roles"

  account_id = var.account_id
  artifact_store = {
    bucket      = var.artifact_store.bucket
    kms_key_arn = var.artifact_store.kms_key_arn
    managed     = false
    prefix      = each.key
  }
  audience                 = local.audience
  builds                   = each.value.builds
  deploy                   = each.value.deploy
  gitlab_project           = each.value.gitlab_project
  handback                 = each.value.handback
  oidc_provider_arn        = local.arn
  parameters               = each.value.parameters
  partition                = var.partition
  permissions_boundary_arn = var.permissions_boundary_arn
  project                  = each.key
  reach                    = each.value.reach
  refs                     = each.value.refs
  region                   = var.region
  state = var.state_bucket == null ? null : {
    bucket = var.state_bucket
    key    = "${each.key}/terraform.tfstate"
  }
  tags = var.tags
}
