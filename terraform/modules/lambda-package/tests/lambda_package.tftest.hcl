# What is asked of AWS is computed by the real provider in a plan, which needs no account.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

variables {
  environment = "test"
  handler     = "handler.handler"
  name        = "parser"
  package = {
    architecture     = "arm64"
    bucket           = "packages-bucket"
    key              = "artifacts/feeds-parser/one/package.zip"
    kind             = "function"
    runtime          = "python3.12"
    source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    version_id       = "first"
  }
}

run "a_function_may_write_its_log_and_nothing_else" {
  command = plan

  assert {
    condition     = keys(aws_iam_role_policy.this) == ["log"]
    error_message = "The role has the policy of its log only."
  }

  assert {
    condition     = aws_lambda_function.this["this"].architectures == tolist(["arm64"]) && aws_lambda_function.this["this"].publish
    error_message = "Graviton is the default, and every change of code is a version."
  }

  assert {
    condition     = aws_cloudwatch_log_group.this["this"].retention_in_days == 30 && length(aws_lambda_layer_version.this) == 0
    error_message = "No log is kept for ever, and a function is no layer."
  }

  assert {
    condition     = length(aws_cloudwatch_metric_alarm.this) == 0 && length(aws_lambda_function.this["this"].environment) == 0
    error_message = "What nobody asked for is not made."
  }
}

run "filters_raise_alarms_and_tell_the_topic" {
  command = plan

  variables {
    log_filters            = { errors = { pattern = "ERROR" }, slow = { pattern = "slow", period_seconds = 60, threshold = 5 } }
    notification_topic_arn = "arn:aws:sns:eu-central-1:123456789012:feeds"
    policies               = { read = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
    tracing                = true
  }

  assert {
    condition = {
      for name, alarm in aws_cloudwatch_metric_alarm.this : name => [alarm.threshold, alarm.period, one(alarm.alarm_actions)]
      } == {
      errors = [1, 300, "arn:aws:sns:eu-central-1:123456789012:feeds"]
      slow   = [5, 60, "arn:aws:sns:eu-central-1:123456789012:feeds"]
    }
    error_message = "Every filter has an alarm with its own numbers, and all tell the topic."
  }

  assert {
    condition = alltrue([
      for name, filter in aws_cloudwatch_log_metric_filter.this :
      filter.metric_transformation[0].name == aws_cloudwatch_metric_alarm.this[name].metric_name
      && filter.metric_transformation[0].namespace == aws_cloudwatch_metric_alarm.this[name].namespace
    ])
    error_message = "An alarm watches the metric that its filter counts."
  }

  assert {
    condition     = toset(keys(aws_iam_role_policy.this)) == toset(["log", "read", "tracing"])
    error_message = "Tracing and what was given come to the policy of the log."
  }
}

run "a_given_role_is_used_as_it_is" {
  command = plan

  variables {
    role = { arn = "arn:aws:iam::123456789012:role/given" }
  }

  assert {
    condition     = length(aws_iam_role.this) == 0 && length(aws_iam_role_policy.this) == 0
    error_message = "No second role is made."
  }

  assert {
    condition     = aws_lambda_function.this["this"].role == "arn:aws:iam::123456789012:role/given"
    error_message = "The function has the role that was given."
  }
}

run "a_layer_is_a_version_and_nothing_else" {
  command = plan

  variables {
    architectures = ["x86_64"]
    handler       = null
    package = {
      architecture     = "x86_64"
      bucket           = "packages-bucket"
      key              = "artifacts/probe-pycurl/one/package.zip"
      kind             = "layer"
      runtime          = "python3.13"
      source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    }
  }

  assert {
    condition     = aws_lambda_layer_version.this["this"].compatible_architectures == toset(["x86_64"]) && aws_lambda_layer_version.this["this"].compatible_runtimes == toset(["python3.13"])
    error_message = "A layer says what it is for."
  }

  assert {
    condition = (
      length(aws_lambda_function.this) + length(aws_lambda_alias.this) + length(aws_iam_role.this)
      + length(aws_cloudwatch_log_group.this)
    ) == 0
    error_message = "A layer has no function, alias, role or log."
  }
}

run "the_wrong_processor_is_refused" {
  command = plan

  variables {
    architectures = ["x86_64"]
  }

  expect_failures = [terraform_data.package]
}

run "a_function_without_a_handler_is_refused" {
  command = plan

  variables {
    handler = null
  }

  expect_failures = [terraform_data.package]
}

run "values_that_cannot_work_are_refused" {
  command = plan

  variables {
    architectures          = ["arm64", "x86_64"]
    environment            = "7up"
    environment_variables  = { DB_PASSWORD = "hunter2" }
    kms_key_arns           = { log = "alias/mine" }
    layers                 = ["a", "b", "c", "d", "e", "f"]
    log_filters            = { errors = { pattern = "ERROR", period_seconds = 45 } }
    log_retention_days     = 2
    memory_mb              = 64
    name                   = "a name"
    notification_topic_arn = "feeds"
    policies               = { log = "{}" }
    reserved_concurrency   = -1
    timeout_seconds        = 901
  }

  expect_failures = [
    var.architectures, var.environment, var.environment_variables, var.kms_key_arns, var.layers, var.log_filters,
    var.log_retention_days, var.memory_mb, var.name, var.notification_topic_arn, var.policies, var.reserved_concurrency,
    var.timeout_seconds,
  ]
}
