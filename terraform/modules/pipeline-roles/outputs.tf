output "pipeline_roles" {
  description = "What to write into GitLab and into orchestrator.yml; null where the project does not deploy."
  value = {
    apply_role_arn           = aws_iam_role.this["apply"].arn
    deploy_role_arn          = one([for role in keys(local.deploy) : aws_iam_role.this[role].arn])
    functions_boundary_arn   = one([for one in values(local.deploy) : one.bound_arn])
    permissions_boundary_arn = aws_iam_policy.boundary.arn
    start_role_arn           = aws_iam_role.this["start"].arn
  }

  # Whoever takes a role finds it whole.
  depends_on = [
    aws_iam_policy.functions, aws_iam_role_policy.apply, aws_iam_role_policy.deploy, aws_iam_role_policy.start,
    aws_iam_role_policy_attachment.deploy,
  ]
}
