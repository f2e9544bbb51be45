output "build_project" {
  description = "The project and what belongs to it."
  value = {
    arn       = aws_codebuild_project.this.arn
    bucket    = var.artifact_store.bucket
    log_group = aws_cloudwatch_log_group.this.name
    name      = aws_codebuild_project.this.name
    role_arn  = aws_iam_role.this.arn
  }
}
