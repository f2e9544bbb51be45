mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = {
      json = "{\"Version\": \"2012-10-17\", \"Statement\": []}"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/build"
    }
  }
}

variables {
  account_id = "123456789012"
  artifact_store = {
    bucket = "packages-bucket"
    prefix = "team/packages"
  }
  buildspec = "version: 0.2\nphases: {}\n"
  editor    = "kim"
  environment = {
    architecture = "arm64"
    image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    type         = "ARM_CONTAINER"
  }
  name            = "proj"
  region          = "eu-central-1"
  settings_digest = "abc"
  variables       = { GREETING = "hello" }
}

run "a_build_takes_its_orders_from_terraform_alone" {
  assert {
    condition = (
      aws_codebuild_project.this.source[0].type == "NO_SOURCE"
      && aws_codebuild_project.this.source[0].buildspec == var.buildspec
      && one(aws_codebuild_project.this.artifacts).type == "NO_ARTIFACTS"
    )
    error_message = "No source, no artifacts, and the buildspec inline."
  }

  assert {
    condition = (
      aws_codebuild_project.this.project_visibility == "PRIVATE"
      && !aws_codebuild_project.this.environment[0].privileged_mode
    )
    error_message = "Builds are private and unprivileged."
  }

  assert {
    condition     = aws_codebuild_project.this.service_role == aws_iam_role.this.arn
    error_message = "The project has a role of its own."
  }
}

run "every_variable_is_plain_text_and_the_store_is_among_them" {
  assert {
    condition = {
      for variable in aws_codebuild_project.this.environment[0].environment_variable :
      "${variable.type} ${variable.name}" => variable.value
      } == {
      "PLAINTEXT GREETING"            = "hello"
      "PLAINTEXT ORCHESTRATOR_BUCKET" = "packages-bucket"
      "PLAINTEXT ORCHESTRATOR_PREFIX" = "team/packages"
    }
    error_message = "Exactly these variables, and none that makes CodeBuild look up a secret."
  }
}

run "the_log_goes_to_a_group_that_forgets" {
  assert {
    condition = (
      aws_codebuild_project.this.logs_config[0].cloudwatch_logs[0].group_name == "/aws/codebuild/proj"
      && aws_codebuild_project.this.logs_config[0].cloudwatch_logs[0].status == "ENABLED"
      && aws_cloudwatch_log_group.this.retention_in_days == 30
    )
    error_message = "The project's own log group, with a retention."
  }
}

run "the_tags_say_what_was_applied_for_what_and_by_whom" {
  variables {
    tags = { team = "platform" }
  }

  assert {
    condition = aws_codebuild_project.this.tags == tomap({
      editor                       = "kim"
      orchestrator-architecture    = "arm64"
      orchestrator-settings-digest = "abc"
      team                         = "platform"
    })
    error_message = "Got ${jsonencode(aws_codebuild_project.this.tags)}."
  }

  assert {
    condition     = aws_iam_role.this.tags == tomap({ team = "platform" })
    error_message = "A new editor must not touch the role."
  }
}

run "nobody_in_particular_is_no_tag" {
  variables {
    editor = null
  }

  assert {
    condition     = !contains(keys(aws_codebuild_project.this.tags), "editor")
    error_message = "No editor, no tag."
  }
}

run "x86_is_built_in_a_linux_container" {
  variables {
    environment = {
      architecture = "x86_64"
      compute_type = "BUILD_GENERAL1_2XLARGE"
      image        = "aws/codebuild/standard:7.0"
      type         = "LINUX_CONTAINER"
    }
  }

  assert {
    condition     = aws_codebuild_project.this.environment[0].compute_type == "BUILD_GENERAL1_2XLARGE"
    error_message = "The machine that was asked for."
  }
}

run "the_older_spelling_of_the_amazon_linux_2_image_is_known" {
  variables {
    environment = {
      architecture = "arm64"
      image        = "aws/codebuild/amazonlinux2-aarch64-standard:2.0"
      type         = "ARM_CONTAINER"
    }
  }
}

run "an_image_of_ones_own_may_come_from_any_registry" {
  variables {
    environment = {
      architecture = "arm64"
      image        = "registry.example.com:5000/team/python@sha256:0000000000000000000000000000000000000000000000000000000000000000"
      type         = "ARM_CONTAINER"
    }
  }
}

run "the_example_is_a_plan" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "arm64_in_an_x86_container_is_refused" {
  command = plan

  variables {
    environment = {
      architecture = "arm64"
      image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
      type         = "LINUX_CONTAINER"
    }
  }

  expect_failures = [var.environment]
}

run "lambda_compute_in_a_container_is_refused" {
  command = plan

  variables {
    environment = {
      architecture = "arm64"
      compute_type = "BUILD_LAMBDA_1GB"
      image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
      type         = "ARM_CONTAINER"
    }
  }

  expect_failures = [var.environment]
}

run "an_x86_image_for_arm64_is_refused" {
  command = plan

  variables {
    environment = {
      architecture = "arm64"
      image        = "aws/codebuild/standard:7.0"
      type         = "ARM_CONTAINER"
    }
  }

  expect_failures = [var.environment]
}

run "an_arm64_image_for_x86_is_refused" {
  command = plan

  variables {
    environment = {
      architecture = "x86_64"
      image        = "public.ecr.aws/codebuild/amazonlinux-aarch64-standard:3.0"
      type         = "LINUX_CONTAINER"
    }
  }

  expect_failures = [var.environment]
}

run "an_image_for_lambda_compute_is_refused" {
  command = plan

  variables {
    environment = {
      architecture = "arm64"
      image        = "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12"
      type         = "ARM_CONTAINER"
    }
  }

  expect_failures = [var.environment]
}

run "values_that_would_run_or_open_something_else_are_refused" {
  command = plan

  variables {
    # A wildcard in a name, a prefix or a parameter would widen the policy.
    artifact_store           = { bucket = "packages-bucket", prefix = "*" }
    build_timeout_minutes    = 2161
    buildspec                = "buildspec.yml"
    log_retention_days       = 31
    name                     = "proj*"
    parameters               = ["/gitlab/*"]
    permissions_boundary_arn = "*"
    queued_timeout_minutes   = 481
    variables                = { CODEBUILD_BUILD_ID = "forged" }
  }

  expect_failures = [
    var.artifact_store, var.build_timeout_minutes, var.buildspec, var.log_retention_days, var.name, var.parameters,
    var.permissions_boundary_arn, var.queued_timeout_minutes, var.variables,
  ]
}
