# A verified package becomes a function with an alias, or a version of a layer. The code is the object that postbuild has
# verified, by key and version; nothing is uploaded here, so nothing else can be deployed.

locals {
  layer     = var.package.kind == "layer"
  functions = local.layer ? {} : { this = var.package }
  layers    = local.layer ? { this = var.package } : {}

  log_filters = local.layer ? {} : var.log_filters
  code        = terraform_data.package.output
}

# Where these bytes lay when they were first deployed. Every commit has a key of its own in S3, also when its package is
# the same to the byte, and another key alone would be a change: another version of the function, another layer. So the
# address counts only when the digest changes.
resource "terraform_data" "package" {
  input = {
    bucket     = var.package.bucket
    key        = var.package.key
    version_id = var.package.version_id
  }
  triggers_replace = var.package.source_code_hash

  lifecycle {
    ignore_changes = [input]

    precondition {
      condition     = contains(var.architectures, var.package.architecture)
      error_message = "The package is for ${var.package.architecture}, and architectures says ${join(", ", var.architectures)}: one of the two is wrong."
    }

    precondition {
      condition     = local.layer || var.handler != null
      error_message = "A function needs a handler, such as handler.handler."
    }
  }
}

resource "aws_lambda_layer_version" "this" {
  for_each = local.layers

  compatible_architectures = var.architectures
  compatible_runtimes      = [each.value.runtime]
  description              = var.description
  layer_name               = var.name
  s3_bucket                = local.code.bucket
  s3_key                   = local.code.key
  s3_object_version        = local.code.version_id
  skip_destroy             = var.keep_layer_versions
  source_code_hash         = each.value.source_code_hash

  # Functions get the new version before the old one goes.
  lifecycle {
    create_before_destroy = true
  }
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; a key of one's own is a setting (kms_key_arns.log)
  #checkov:skip=CKV_AWS_338:what a log is worth differs from function to function; the retention is a setting
  for_each = local.functions

  name              = "/aws/lambda/${var.name}"
  kms_key_id        = var.kms_key_arns.log
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:traces cost by the number of calls; it is a setting (tracing)
  #checkov:skip=CKV_AWS_115:reserving takes from the account's common pool; it is a setting (reserved_concurrency)
  #checkov:skip=CKV_AWS_116:who calls the function decides what happens to a failed event, and has its queue
  #checkov:skip=CKV_AWS_117:a function that reaches nothing private needs no VPC and none of its network interfaces
  #checkov:skip=CKV_AWS_173:Lambda encrypts the environment by itself; a key of one's own is a setting (kms_key_arns.environment)
  #checkov:skip=CKV_AWS_272:the digest of the code is pinned, and the pipeline has verified what has that digest
  for_each = local.functions

  function_name                  = var.name
  architectures                  = var.architectures
  description                    = var.description
  handler                        = var.handler
  kms_key_arn                    = var.kms_key_arns.environment
  layers                         = var.layers
  memory_size                    = var.memory_mb
  publish                        = true
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)
  role                           = local.role_arn
  runtime                        = each.value.runtime
  s3_bucket                      = local.code.bucket
  s3_key                         = local.code.key
  s3_object_version              = local.code.version_id
  source_code_hash               = each.value.source_code_hash
  timeout                        = var.timeout_seconds

  dynamic "environment" {
    for_each = length(var.environment_variables) == 0 ? {} : { this = var.environment_variables }

    content {
      variables = environment.value
    }
  }

  tracing_config {
    mode = var.tracing ? "Active" : "PassThrough"
  }

  tags = var.tags

  # Lambda would make the log group itself, without retention; and the first call needs the permissions.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

# What callers name. A version never changes; the alias moves to the one that was published last.
resource "aws_lambda_alias" "this" {
  for_each = aws_lambda_function.this

  name             = var.environment
  description      = "What ${var.environment} runs"
  function_name    = each.value.function_name
  function_version = each.value.version
}

resource "aws_cloudwatch_log_metric_filter" "this" {
  for_each = local.log_filters

  name           = "${var.name}-${each.key}"
  log_group_name = aws_cloudwatch_log_group.this["this"].name
  pattern        = each.value.pattern

  metric_transformation {
    name          = each.key
    namespace     = "Packages/${var.name}"
    value         = "1"
    default_value = "0"
  }
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = aws_cloudwatch_log_metric_filter.this

  alarm_name          = each.value.name
  alarm_actions       = var.notification_topic_arn == null ? [] : [var.notification_topic_arn]
  alarm_description   = "Lines of /aws/lambda/${var.name} match ${each.key}."
  comparison_operator = "GreaterThanOrEqualToThreshold"
  evaluation_periods  = 1
  metric_name         = each.key
  namespace           = "Packages/${var.name}"
  period              = local.log_filters[each.key].period_seconds
  statistic           = "Sum"
  threshold           = local.log_filters[each.key].threshold
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}
