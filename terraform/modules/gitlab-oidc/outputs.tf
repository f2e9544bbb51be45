output "gitlab_oidc" {
  description = "The provider with the audience of its tokens, and the two roles and the bound of each project."
  value = {
    audience     = local.audience
    projects     = { for name, roles in module.roles : name => roles.pipeline_roles }
    provider_arn = local.arn
  }

  depends_on = [aws_iam_openid_connect_provider.this]
}
