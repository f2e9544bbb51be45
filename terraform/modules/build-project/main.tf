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
  #checkov:skip=CKV_AWS_147:CodeBuild itself stores nothing but a cache here (NO_ARTIFACTS), the bucket is encrypted
  #checkov:skip=CKV_AWS_316:unprivileged unless somebody has asked for Docker, and then `orchestrator check` says what it means
  name = var.name
  # Lambda compute takes no time-outs: what is not given is not sent.
  build_timeout          = local.on_lambda ? null : var.build_timeout_minutes
  concurrent_build_limit = var.concurrent_build_limit
  description            = var.description
  project_visibility     = "PRIVATE"
  queued_timeout         = local.on_lambda ? null : var.queued_timeout_minutes
  service_role           = aws_iam_role.this.arn

  artifacts {
    type = "NO_ARTIFACTS"
  }

  dynamic "cache" {
    for_each = var.cache == null ? [] : [var.cache]

    content {
      location = cache.value.type == "S3" ? "${var.artifact_store.bucket}/${local.stored.this}" : null
      modes    = cache.value.type == "LOCAL" ? cache.value.modes : null
      type     = cache.value.type
    }
  }

  environment {
    compute_type                = var.environment.compute_type
    image                       = var.environment.image
    image_pull_credentials_type = local.pulled_by
    privileged_mode             = var.environment.privileged
    type                        = var.environment.type

    dynamic "fleet" {
      for_each = var.environment.fleet_arn == null ? [] : [var.environment.fleet_arn]

      content {
        fleet_arn = fleet.value
      }
    }

    dynamic "registry_credential" {
      for_each = local.credential

      content {
        credential          = registry_credential.value
        credential_provider = "SECRETS_MANAGER"
      }
    }

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

  dynamic "vpc_config" {
    for_each = local.network

    content {
      security_group_ids = vpc_config.value.security_groups
      subnets            = vpc_config.value.subnets
      vpc_id             = vpc_config.value.id
    }
  }

  tags = merge(local.tags, {
    orchestrator-architecture    = var.environment.architecture
    orchestrator-settings-digest = var.settings_digest
  })

  # CodeBuild tries the role when the project is created, and the first build may come right after.
  depends_on = [aws_iam_role_policy.this, aws_iam_role_policy.reach]

  lifecycle {
    precondition {
      condition     = !local.on_lambda || (var.vpc == null && var.cache == null)
      error_message = "Lambda compute has no vpc and no cache."
    }

    precondition {
      condition     = var.vpc == null || try(var.cache.type, "S3") == "S3"
      error_message = "A LOCAL cache does not work in a VPC: use S3."
    }

    precondition {
      condition     = !contains(try(var.cache.modes, []), "LOCAL_DOCKER_LAYER_CACHE") || var.environment.privileged
      error_message = "LOCAL_DOCKER_LAYER_CACHE needs environment.privileged."
    }
  }
}
