output "gitlab_oidc" {
  description = "The provider with the audience of its tokens, and the roles and the bounds of each project."
  value = {
    audience     = local.audience
    projects     = { for name, roles in module.roles : name => roles.pipeline_roles }
    provider_arn = local.arn
  }

  depends_on = [aws_iam_openid_connect_provider.this]
}
