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

  mock_resource "aws_iam_policy" {
    defaults = {
      arn = "arn:aws:iam::123456789012:policy/orchestrator/mocked"
    }
  }

  mock_resource "aws_iam_role" {
    defaults = {
      arn = "arn:aws:iam::123456789012:role/orchestrator/mocked"
    }
  }

  mock_resource "aws_kms_key" {
    defaults = {
      arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    }
  }
}

variables {
  artifact_store = { bucket = "packages-123456789012-eu-central-1" }
  gitlab         = { url = "https://gitlab.com" }
  projects = {
    feed = { gitlab_project = "shop/feed" }
  }
  published = {
    version  = "1"
    names    = { bucket = "/orchestrator/platform/bucket", key_arn = "/orchestrator/platform/key_arn", version = "/orchestrator/platform/version" }
    projects = { feed = { apply_arn = "/orchestrator/platform/roles/feed/apply_arn", gitlab_project = "/orchestrator/platform/roles/feed/gitlab_project" } }
  }
  region = "eu-central-1"
  state  = { bucket = "states-123456789012-eu-central-1" }
  tags   = { team = "platform" }
}

run "what_was_made_is_published_under_the_names_that_were_given" {
  assert {
    condition = output.published == {
      "/orchestrator/platform/bucket"                    = "packages-123456789012-eu-central-1"
      "/orchestrator/platform/key_arn"                   = aws_kms_key.this.arn
      "/orchestrator/platform/roles/feed/apply_arn"      = "arn:aws:iam::123456789012:role/orchestrator/mocked"
      "/orchestrator/platform/roles/feed/gitlab_project" = "shop/feed"
      "/orchestrator/platform/version"                   = "1"
    }
    error_message = "Got ${jsonencode(output.published)}."
  }

  assert {
    condition     = alltrue([for parameter in aws_ssm_parameter.this : parameter.type == "String"])
    error_message = "Names and ARNs can be read without a key."
  }
}

run "the_key_turns_and_is_used_for_packages" {
  assert {
    condition     = aws_kms_key.this.enable_key_rotation && aws_kms_key.this.policy != null
    error_message = "The key must be rotated, and say who may use it."
  }

  assert {
    condition     = aws_kms_alias.this.name == "alias/orchestrator-platform"
    error_message = "A person finds the key by its name."
  }
}

run "names_of_other_tools_are_not_written" {
  command = plan

  variables {
    published = {
      version  = "1"
      names    = { bucket = "/other/bucket" }
      projects = {}
    }
  }

  expect_failures = [var.published]
}

run "a_region_that_is_none_is_refused" {
  command = plan

  variables {
    region = "Frankfurt"
  }

  expect_failures = [var.region]
}
