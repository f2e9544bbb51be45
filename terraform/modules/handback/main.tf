# An ended build is an event, the event calls the function, the function calls GitLab. What fails on the way, at whichever
# step, ends in one queue, and the queue has an alarm.

locals {
  # The role's name is the longest of all: the function's, a hyphen and the region, 64 characters at most.
  limit = 64 - length(var.region) - 1
  whole = "${var.name}-handback"
  cut   = "${substr(var.name, 0, local.limit - 18)}-${substr(sha256(var.name), 0, 8)}-handback"
  name  = length(local.whole) <= local.limit ? local.whole : local.cut

  function_arn = "arn:${var.partition}:lambda:${var.region}:${var.account_id}:function:${local.name}"
  log_group    = "/aws/lambda/${local.name}"
  queue_arn    = "arn:${var.partition}:sqs:${var.region}:${var.account_id}:${local.name}-dead-letters"

  # An event pattern has at most 2,048 characters (EventBridge quotas), room for ten of the longest names.
  rules = {
    for number, names in chunklist(sort(var.projects), 10) : "${local.name}-${number}" => names
  }
  rule_arns = [for name in keys(local.rules) : "arn:${var.partition}:events:${var.region}:${var.account_id}:rule/${name}"]

  alarms = {
    dead-letters = {
      description = "A build did not come home: the dead-letter queue says which, and why."
      dimensions  = { QueueName = aws_sqs_queue.dead_letters.name }
      metric      = "ApproximateNumberOfMessagesVisible"
      namespace   = "AWS/SQS"
      statistic   = "Maximum"
    }
    errors = {
      description = "The function failed; it is tried twice more before the event ends in the dead-letter queue."
      dimensions  = { FunctionName = local.name }
      metric      = "Errors"
      namespace   = "AWS/Lambda"
      statistic   = "Sum"
    }
  }
}

# Every state that is not `IN_PROGRESS` is an end. They are not listed, because it is not documented whether a build that
# timed out arrives as FAILED or as TIMED_OUT, and because a state that AWS adds one day must come home, too.
resource "aws_cloudwatch_event_rule" "ended" {
  for_each = local.rules

  name        = each.key
  description = "Builds of ${var.name} that have ended"
  event_pattern = jsonencode({
    source      = ["aws.codebuild"]
    detail-type = ["CodeBuild Build State Change"]
    detail = {
      build-status = [{ anything-but = ["IN_PROGRESS"] }]
      project-name = each.value
    }
  })
  tags = var.tags
}

resource "aws_cloudwatch_event_target" "function" {
  for_each = aws_cloudwatch_event_rule.ended

  arn       = aws_lambda_function.this.arn
  rule      = each.value.name
  target_id = "handback"

  dead_letter_config {
    arn = aws_sqs_queue.dead_letters.arn
  }

  retry_policy {
    maximum_event_age_in_seconds = 86400
    maximum_retry_attempts       = 185
  }

  depends_on = [aws_lambda_permission.rule]
}

resource "aws_lambda_permission" "rule" {
  for_each = aws_cloudwatch_event_rule.ended

  action         = "lambda:InvokeFunction"
  function_name  = aws_lambda_function.this.function_name
  principal      = "events.amazonaws.com"
  source_account = var.account_id
  source_arn     = each.value.arn
  statement_id   = each.key
}

resource "aws_cloudwatch_log_group" "this" {
  #checkov:skip=CKV_AWS_158:CloudWatch encrypts logs by itself; a key of one's own is a setting (kms_key_arns.log)
  #checkov:skip=CKV_AWS_338:what this log tells is worth days; the retention is a setting
  name              = local.log_group
  kms_key_id        = var.kms_key_arns.log
  retention_in_days = var.log_retention_days
  tags              = var.tags
}

resource "aws_lambda_function" "this" {
  #checkov:skip=CKV_AWS_50:traces go to X-Ray on resource `*`; one call of one neighbour is told by the log
  #checkov:skip=CKV_AWS_115:reserving takes from the account's common pool; it is a setting (reserved_concurrency)
  #checkov:skip=CKV_AWS_117:it calls GitLab and AWS on their public addresses; a VPC would need a NAT gateway
  #checkov:skip=CKV_AWS_173:names and addresses only, encrypted by Lambda itself; the token is never in the environment
  #checkov:skip=CKV_AWS_272:the zip must have the digest that was planned (precondition), and comes with the configuration
  function_name                  = local.name
  architectures                  = ["arm64"]
  description                    = "Tells GitLab that a build of ${var.name} has ended"
  filename                       = var.code.file
  handler                        = "orchestrator.handback.handler.handle"
  memory_size                    = 256
  reserved_concurrent_executions = coalesce(var.reserved_concurrency, -1)
  role                           = aws_iam_role.this.arn
  runtime                        = "python3.13"
  source_code_hash               = filebase64sha256(var.code.file)
  timeout                        = var.timeout_seconds

  dead_letter_config {
    target_arn = aws_sqs_queue.dead_letters.arn
  }

  environment {
    variables = {
      ORCHESTRATOR_HANDBACK = jsonencode({
        api_url               = var.gitlab.api_url
        bucket                = var.artifact_store.bucket
        dead_letter_queue_url = aws_sqs_queue.dead_letters.url
        gitlab_project        = var.gitlab.project
        inputs                = var.gitlab.inputs
        owner                 = var.account_id
        prefix                = var.artifact_store.prefix
        projects              = sort(var.projects)
        region                = var.region
        token_parameter       = var.gitlab.token_parameter
      })
    }
  }

  tags = var.tags

  lifecycle {
    precondition {
      condition     = filesha256(var.code.file) == var.code.sha256
      error_message = "The file `${var.code.file}` is not the function that was planned: its SHA-256 is not code.sha256."
    }
  }

  # Lambda asks, when the function is made, whether the role may send to the queue; and it would make the log group itself.
  depends_on = [aws_cloudwatch_log_group.this, aws_iam_role_policy.this]
}

resource "aws_lambda_function_event_invoke_config" "this" {
  function_name                = aws_lambda_function.this.function_name
  maximum_event_age_in_seconds = 21600
  maximum_retry_attempts       = 2
}

# Two weeks, the longest that SQS keeps a message: somebody has to look. The policy stands here and not in a resource of its
# own, because the provider waits for each of the two until six answers 5 seconds apart were alike.
resource "aws_sqs_queue" "dead_letters" {
  name                      = "${local.name}-dead-letters"
  message_retention_seconds = 1209600
  policy                    = data.aws_iam_policy_document.queue.json
  sqs_managed_sse_enabled   = true
  tags                      = var.tags
}

resource "aws_cloudwatch_metric_alarm" "this" {
  for_each = local.alarms

  alarm_name          = "${local.name}-${each.key}"
  alarm_actions       = var.alarm_topic_arn == null ? [] : [var.alarm_topic_arn]
  alarm_description   = each.value.description
  comparison_operator = "GreaterThanThreshold"
  dimensions          = each.value.dimensions
  evaluation_periods  = 1
  metric_name         = each.value.metric
  namespace           = each.value.namespace
  period              = 300
  statistic           = each.value.statistic
  threshold           = 0
  treat_missing_data  = "notBreaching"
  tags                = var.tags
}
