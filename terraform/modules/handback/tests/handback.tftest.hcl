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
  account_id     = "123456789012"
  artifact_store = { bucket = "packages-bucket" }
  # Any file will do for a plan.
  code = {
    file   = "./main.tf"
    sha256 = filesha256("./main.tf")
  }
  gitlab = {
    api_url         = "https://gitlab.com/api/v4"
    project         = "42"
    token_parameter = "plain-name"
  }
  name     = "a-project-name-that-is-far-longer-than-the-name-of-a-function-can-ever-be"
  projects = ["thumbnails-arm64"]
  region   = "eu-central-1"
}

run "many_long_names_are_told_by_several_rules_and_one_function" {
  command = plan

  variables {
    alarm_topic_arn = "arn:aws:sns:eu-central-1:123456789012:builds"
    kms_key_arns    = { token = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000" }
    projects        = [for number in range(19) : format("%0150d", number)]
  }

  assert {
    condition = length(aws_cloudwatch_event_rule.ended) == 2 && alltrue([
      for rule in aws_cloudwatch_event_rule.ended : length(rule.event_pattern) <= 2048 && length(rule.name) <= 64
    ])
    error_message = "A pattern has at most 2,048 characters, a rule's name 64."
  }

  assert {
    condition = toset(flatten([
      for rule in aws_cloudwatch_event_rule.ended : jsondecode(rule.event_pattern).detail["project-name"]
    ])) == var.projects
    error_message = "No project may be left out."
  }

  assert {
    condition     = length(aws_iam_role.this.name) <= 64 && length(aws_iam_role_policy.this.policy) <= 10240
    error_message = "IAM takes 64 characters of name and 10,240 of policy: ${aws_iam_role.this.name}, ${length(aws_iam_role_policy.this.policy)}."
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : {
        condition = s.Condition.StringEquals, resource = s.Resource
      } if s.Action == "kms:Decrypt"
      ] == [{
        condition = {
          "kms:EncryptionContext:PARAMETER_ARN" = "arn:aws:ssm:eu-central-1:123456789012:parameter/plain-name"
          "kms:ViaService"                      = "ssm.eu-central-1.amazonaws.com"
        }
        resource = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    }]
    error_message = "The key decrypts this parameter only, and through SSM only."
  }

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement :
      s.Effect == "Allow" && s.Sid != "" && !contains(flatten([s.Resource]), "*")
      && length([for action in flatten([s.Action]) : action if strcontains(action, "*")]) == 0
    ])
    error_message = "Every statement has a name, real actions and real resources."
  }

  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.this : alarm.alarm_actions == toset(["arn:aws:sns:eu-central-1:123456789012:builds"])])
    error_message = "Both alarms go to the topic."
  }
}

run "values_that_cannot_work_are_refused" {
  command = plan

  variables {
    account_id           = "1234"
    alarm_topic_arn      = "builds"
    artifact_store       = { bucket = "packages-bucket", prefix = "a*" }
    gitlab               = { api_url = "http://gitlab.com/api/v4", project = "../x", token_parameter = "/a*" }
    kms_key_arns         = { log = "alias/mine" }
    log_retention_days   = 2
    projects             = []
    reserved_concurrency = 0
    timeout_seconds      = 600
  }

  expect_failures = [
    var.account_id, var.alarm_topic_arn, var.artifact_store, var.gitlab, var.kms_key_arns, var.log_retention_days,
    var.projects, var.reserved_concurrency, var.timeout_seconds,
  ]
}

run "another_zip_than_the_one_that_was_planned_is_refused" {
  command = plan

  variables {
    code = {
      file   = "./main.tf"
      sha256 = "0000000000000000000000000000000000000000000000000000000000000000"
    }
  }

  expect_failures = [aws_lambda_function.this]
}
