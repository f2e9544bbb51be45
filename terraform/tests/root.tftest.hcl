mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = {
      account_id = "123456789012"
    }
  }

  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
    }
  }

  mock_data "aws_partition" {
    defaults = {
      partition = "aws"
    }
  }

  mock_resource "aws_cloudwatch_event_rule" {
    defaults = {
      arn = "arn:aws:events:eu-central-1:123456789012:rule/mocked"
    }
  }

  mock_resource "aws_codebuild_project" {
    defaults = {
      arn = "arn:aws:codebuild:eu-central-1:123456789012:project/mocked"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/mocked"
    }
  }

  mock_resource "aws_lambda_function" {
    defaults = {
      arn = "arn:aws:lambda:eu-central-1:123456789012:function:mocked"
    }
  }

  mock_resource "aws_sqs_queue" {
    defaults = {
      arn = "arn:aws:sqs:eu-central-1:123456789012:mocked"
    }
  }
}

variables {
  editor = "kim"
  region = "eu-central-1"
  tags   = { team = "platform" }
  artifact_store = {
    name   = "shop"
    prefix = "packages"
  }
  builds = {
    shop-thumbnails-arm64 = {
      architecture     = "arm64"
      buildspec        = "version: 0.2\nphases: {}\n"
      environment_type = "ARM_CONTAINER"
      image            = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
      parameters       = ["/gitlab/trigger/shop"]
      settings_digest  = "abc"
    }
    shop-thumbnails-x86_64 = {
      architecture     = "x86_64"
      buildspec        = "version: 0.2\nphases: {}\n"
      environment_type = "LINUX_CONTAINER"
      image            = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
      settings_digest  = "def"
      variables        = { GREETING = "hello" }
    }
  }
}

run "each_build_becomes_a_project_that_knows_the_one_bucket" {
  assert {
    condition = {
      for name, project in output.build_projects : name => "${project.name} ${project.bucket} ${project.log_group}"
      } == {
      shop-thumbnails-arm64  = "shop-thumbnails-arm64 shop-123456789012-eu-central-1 /aws/codebuild/shop-thumbnails-arm64"
      shop-thumbnails-x86_64 = "shop-thumbnails-x86_64 shop-123456789012-eu-central-1 /aws/codebuild/shop-thumbnails-x86_64"
    }
    error_message = "Got ${jsonencode(output.build_projects)}."
  }

  assert {
    condition = alltrue([
      for project in values(output.build_projects) :
      startswith(project.arn, "arn:aws:codebuild:") && startswith(project.role_arn, "arn:aws:iam:")
    ])
    error_message = "Each project comes with its ARN and its role."
  }

  assert {
    condition     = output.handback == null
    error_message = "Nobody asked for a function."
  }
}

run "with_a_handback_there_is_one_function_for_all_builds" {
  variables {
    # Any file will do for the function's zip.
    handback = {
      code   = { file = "main.tf", sha256 = filesha256("./main.tf") }
      gitlab = { api_url = "https://gitlab.com/api/v4", project = "shop/app", token_parameter = "/gitlab/trigger/shop" }
    }
  }

  assert {
    condition     = output.handback.function_name == "shop-handback" && output.handback.log_group == "/aws/lambda/shop-handback"
    error_message = "Got ${jsonencode(output.handback)}."
  }

  assert {
    condition     = toset(keys(output.build_projects)) == toset(values(output.build_projects)[*].name) && length(output.build_projects) == 2
    error_message = "The projects keep their names."
  }
}

run "no_builds_are_no_projects_and_the_bucket_stays" {
  variables {
    builds = {}
  }

  assert {
    condition     = length(output.build_projects) == 0
    error_message = "Nothing was asked for."
  }
}

run "a_bucket_of_ones_own_is_used_under_its_name" {
  variables {
    artifact_store = {
      bucket  = "already-there"
      managed = false
    }
  }

  assert {
    condition     = toset(values(output.build_projects)[*].bucket) == toset(["already-there"])
    error_message = "The builds must use the bucket that was named."
  }
}

run "a_bucket_that_is_neither_named_nor_created_is_refused" {
  command = plan

  variables {
    artifact_store = { managed = false }
  }

  expect_failures = [var.artifact_store]
}

run "an_architecture_on_the_wrong_machine_is_refused" {
  command = plan

  variables {
    builds = {
      wrong = {
        architecture     = "x86_64"
        buildspec        = "version: 0.2\nphases: {}\n"
        environment_type = "ARM_CONTAINER"
        image            = "aws/codebuild/standard:7.0"
        settings_digest  = "abc"
      }
    }
  }

  expect_failures = [var.builds]
}

run "a_machine_that_does_not_exist_is_refused" {
  command = plan

  variables {
    builds = {
      wrong = {
        architecture     = "x86_64"
        buildspec        = "version: 0.2\nphases: {}\n"
        compute_type     = "BUILD_GENERAL1_TINY"
        environment_type = "LINUX_CONTAINER"
        image            = "aws/codebuild/standard:7.0"
        settings_digest  = "abc"
      }
    }
  }

  expect_failures = [var.builds]
}
