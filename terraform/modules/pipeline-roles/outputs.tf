output "pipeline_roles" {
  description = "What to write into GitLab and into orchestrator.yml."
  value = {
    apply_role_arn           = aws_iam_role.this["apply"].arn
    permissions_boundary_arn = aws_iam_policy.boundary.arn
    start_role_arn           = aws_iam_role.this["start"].arn
  }

  # Whoever takes a role finds it whole.
  depends_on = [aws_iam_role_policy.apply, aws_iam_role_policy.start]
}
