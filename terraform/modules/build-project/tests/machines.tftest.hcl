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
  account_id     = "123456789012"
  artifact_store = { bucket = "packages-bucket", prefix = "team" }
  buildspec      = "version: 0.2\nphases: {}\n"
  environment = {
    architecture = "arm64"
    image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    type         = "ARM_CONTAINER"
  }
  name            = "proj"
  region          = "eu-central-1"
  settings_digest = "abc"
}

run "whoever_asks_for_nothing_gets_nothing" {
  assert {
    condition = (
      length(aws_iam_role_policy.reach) == 0
      && length(aws_codebuild_project.this.vpc_config) == 0
      && length(aws_codebuild_project.this.cache) == 0
      && aws_codebuild_project.this.environment[0].image_pull_credentials_type == "CODEBUILD"
      && !aws_codebuild_project.this.environment[0].privileged_mode
    )
    error_message = "No network, no cache, no second policy, not privileged."
  }
}

run "lambda_compute_is_sent_no_time_outs" {
  variables {
    environment = {
      architecture = "arm64"
      compute_type = "BUILD_LAMBDA_2GB"
      image        = "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12"
      type         = "ARM_LAMBDA_CONTAINER"
    }
  }

  assert {
    condition     = aws_codebuild_project.this.environment[0].type == "ARM_LAMBDA_CONTAINER"
    error_message = "Lambda compute."
  }
}

run "lambda_compute_has_sizes_of_its_own" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = {
      architecture = "arm64"
      compute_type = "BUILD_GENERAL1_SMALL"
      image        = "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12"
      type         = "ARM_LAMBDA_CONTAINER"
    }
  }
}

run "lambda_compute_is_never_privileged" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = {
      architecture = "arm64"
      compute_type = "BUILD_LAMBDA_2GB"
      image        = "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12"
      privileged   = true
      type         = "ARM_LAMBDA_CONTAINER"
    }
  }
}

run "lambda_compute_takes_images_for_it_only" {
  command         = plan
  expect_failures = [var.environment]

  variables {
    environment = {
      architecture = "x86_64"
      compute_type = "BUILD_LAMBDA_2GB"
      image        = "aws/codebuild/standard:7.0"
      type         = "LINUX_LAMBDA_CONTAINER"
    }
  }
}

run "lambda_compute_joins_no_network" {
  command         = plan
  expect_failures = [aws_codebuild_project.this]

  variables {
    environment = {
      architecture = "arm64"
      compute_type = "BUILD_LAMBDA_2GB"
      image        = "aws/codebuild/amazonlinux-aarch64-lambda-standard:python3.12"
      type         = "ARM_LAMBDA_CONTAINER"
    }
    vpc = { id = "vpc-0a", security_groups = ["sg-0a"], subnets = ["subnet-0a"] }
  }
}

run "a_network_is_joined_by_the_project_and_its_role" {
  variables {
    vpc = { id = "vpc-0a", security_groups = ["sg-0a"], subnets = ["subnet-0a", "subnet-0b"] }
  }

  assert {
    condition = (
      aws_codebuild_project.this.vpc_config[0].vpc_id == "vpc-0a"
      && toset(aws_codebuild_project.this.vpc_config[0].subnets) == toset(["subnet-0a", "subnet-0b"])
      && length(aws_iam_role_policy.reach) == 1
    )
    error_message = "The network, and the permission for it."
  }
}

run "a_subnet_is_a_subnet" {
  command         = plan
  expect_failures = [var.vpc]

  variables {
    vpc = { id = "vpc-0a", security_groups = ["sg-0a"], subnets = ["*"] }
  }
}

run "a_local_cache_does_not_go_with_a_network" {
  command         = plan
  expect_failures = [aws_codebuild_project.this]

  variables {
    cache = { modes = ["LOCAL_CUSTOM_CACHE"], type = "LOCAL" }
    vpc   = { id = "vpc-0a", security_groups = ["sg-0a"], subnets = ["subnet-0a"] }
  }
}

run "docker_layers_are_kept_by_privileged_builds" {
  command         = plan
  expect_failures = [aws_codebuild_project.this]

  variables {
    cache = { modes = ["LOCAL_DOCKER_LAYER_CACHE"], type = "LOCAL" }
  }
}

run "the_source_is_never_cached_because_there_is_none" {
  command         = plan
  expect_failures = [var.cache]

  variables {
    cache = { modes = ["LOCAL_SOURCE_CACHE"], type = "LOCAL" }
  }
}

run "a_cache_in_s3_is_this_projects_alone" {
  variables {
    cache = { type = "S3" }
  }

  assert {
    condition = (
      one(aws_codebuild_project.this.cache).location == "packages-bucket/team/cache/proj"
      && length(aws_iam_role_policy.reach) == 1
    )
    error_message = "Below a folder with the project's name, which no other role reaches."
  }
}

run "an_image_in_ecr_is_pulled_as_the_role" {
  variables {
    environment = {
      architecture = "arm64"
      image        = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/team/builder:1"
      type         = "ARM_CONTAINER"
    }
  }

  assert {
    condition = (
      aws_codebuild_project.this.environment[0].image_pull_credentials_type == "SERVICE_ROLE"
      && local.image_repository.this == "arn:aws:ecr:eu-central-1:123456789012:repository/team/builder"
    )
    error_message = "The role of the build pulls, from exactly this repository."
  }
}

run "a_private_registry_is_opened_with_a_secret" {
  variables {
    environment = {
      architecture            = "arm64"
      image                   = "registry.example.com/builder:1"
      registry_credential_arn = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:hub"
      type                    = "ARM_CONTAINER"
    }
  }

  assert {
    condition = (
      aws_codebuild_project.this.environment[0].image_pull_credentials_type == "SERVICE_ROLE"
      && one(aws_codebuild_project.this.environment[0].registry_credential).credential_provider == "SECRETS_MANAGER"
    )
    error_message = "The secret by name; its value never passes through Terraform."
  }
}

run "a_fleet_runs_the_builds_and_docker_is_asked_for" {
  variables {
    environment = {
      architecture = "arm64"
      fleet_arn    = "arn:aws:codebuild:eu-central-1:123456789012:fleet/big:0f1e"
      image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
      privileged   = true
      type         = "ARM_CONTAINER"
    }
  }

  assert {
    condition = (
      one(aws_codebuild_project.this.environment[0].fleet).fleet_arn == "arn:aws:codebuild:eu-central-1:123456789012:fleet/big:0f1e"
      && aws_codebuild_project.this.environment[0].privileged_mode
    )
    error_message = "On the fleet, and privileged."
  }
}
