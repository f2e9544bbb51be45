locals {
  arn       = "arn:${var.partition}:codebuild:${var.region}:${var.account_id}:project/${var.name}"
  log_group = "/aws/codebuild/${var.name}"
  tags      = var.editor == null ? var.tags : merge(var.tags, { editor = var.editor })

  variables = merge(var.variables, {
    ORCHESTRATOR_BUCKET = var.artifact_store.bucket
    ORCHESTRATOR_PREFIX = var.artifact_store.prefix
  })
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; a key of one's own would need a key policy per account
  #checkov:skip=CKV_AWS_338:a build log is read within days; the retention is a setting
  name              = local.log_group
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_codebuild_project" "this" {
  #checkov:skip=CKV_AWS_147:CodeBuild itself stores nothing here (NO_ARTIFACTS, no cache), the bucket is encrypted
  name                   = var.name
  build_timeout          = var.build_timeout_minutes
  concurrent_build_limit = var.concurrent_build_limit
  description            = var.description
  project_visibility     = "PRIVATE"
  queued_timeout         = var.queued_timeout_minutes
  service_role           = aws_iam_role.this.arn

  artifacts {
    type = "NO_ARTIFACTS"
  }

  environment {
    compute_type                = var.environment.compute_type
    image                       = var.environment.image
    image_pull_credentials_type = "CODEBUILD"
    privileged_mode             = false
    type                        = var.environment.type

    dynamic "environment_variable" {
      for_each = local.variables

      content {
        name  = environment_variable.key
        type  = "PLAINTEXT"
        value = environment_variable.value
      }
    }
  }

  logs_config {
    cloudwatch_logs {
      group_name = aws_cloudwatch_log_group.this.name
      status     = "ENABLED"
    }

    s3_logs {
      status = "DISABLED"
    }
  }

  source {
    buildspec = var.buildspec
    type      = "NO_SOURCE"
  }

  tags = merge(local.tags, {
    orchestrator-architecture    = var.environment.architecture
    orchestrator-settings-digest = var.settings_digest
  })

  # CodeBuild tries the role when the project is created, and the first build may come right after.
  depends_on = [aws_iam_role_policy.this]
}
