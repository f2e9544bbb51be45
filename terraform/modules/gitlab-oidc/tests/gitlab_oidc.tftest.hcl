# The policies as IAM would get them: a plan with the real provider computes them and needs no account.
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
  gitlab_url     = "https://gitlab.example.com/git/"
  projects = {
    shop = { gitlab_project = "group/shop" }
    feed = { gitlab_project = "group/feed", refs = { apply = [{ name = "v*", type = "tag" }] } }
  }
  region       = "eu-central-1"
  state_bucket = "states"
}

run "the_provider_is_the_server_and_nothing_else" {
  command = plan

  assert {
    condition = aws_iam_openid_connect_provider.this["this"].url == "https://gitlab.example.com/git" && (
      toset(aws_iam_openid_connect_provider.this["this"].client_id_list) == toset(["https://gitlab.example.com/git"])
    )
    error_message = "The tokens of this server are admitted, for this server as audience."
  }

  assert {
    condition     = output.gitlab_oidc.provider_arn == "arn:aws:iam::123456789012:oidc-provider/gitlab.example.com/git"
    error_message = "Got ${output.gitlab_oidc.provider_arn}."
  }

  assert {
    condition     = toset(keys(output.gitlab_oidc.projects)) == toset(["feed", "shop"])
    error_message = "Each project has its roles."
  }
}

run "a_provider_that_is_there_is_used_and_left_alone" {
  command = plan

  variables {
    provider_managed = false
  }

  assert {
    condition     = length(aws_iam_openid_connect_provider.this) == 0 && endswith(output.gitlab_oidc.provider_arn, "/gitlab.example.com/git")
    error_message = "Nothing of it may be changed."
  }
}

run "an_address_that_aws_cannot_fetch_keys_from_is_refused" {
  command = plan

  variables {
    gitlab_url = "https://gitlab.example.com:8443"
  }

  expect_failures = [var.gitlab_url]
}

run "a_project_may_not_reach_into_one_whose_name_begins_alike" {
  command = plan

  variables {
    projects = {
      shop            = { gitlab_project = "group/shop" }
      shop-thumbnails = { gitlab_project = "group/shop-thumbnails" }
    }
  }

  expect_failures = [var.projects]
}

run "nor_may_who_deploys_it" {
  command = plan

  variables {
    projects = {
      shop            = { gitlab_project = "group/shop", builds = ["shop-parser"], deploy = {} }
      shop-thumbnails = { gitlab_project = "group/shop-thumbnails" }
    }
  }

  expect_failures = [var.projects]
}

run "who_deploys_has_a_role_for_it" {
  command = plan

  variables {
    projects = {
      shop = {
        deploy         = { boundary_arn = "arn:aws:iam::123456789012:policy/functions" }
        gitlab_project = "group/shop"
      }
      feed = { gitlab_project = "group/feed" }
    }
  }

  assert {
    condition = output.gitlab_oidc.projects["shop"].functions_boundary_arn == "arn:aws:iam::123456789012:policy/functions" && (
      output.gitlab_oidc.projects["feed"].functions_boundary_arn == null && output.gitlab_oidc.projects["feed"].deploy_role_arn == null
    )
    error_message = "The one deploys, the other does not."
  }
}

run "with_its_builds_named_it_does_not" {
  command = plan

  variables {
    projects = {
      shop            = { gitlab_project = "group/shop", builds = ["shop-parser"] }
      shop-thumbnails = { gitlab_project = "group/shop-thumbnails" }
    }
  }

  assert {
    condition     = length(output.gitlab_oidc.projects) == 2
    error_message = "Named builds keep them apart."
  }
}

run "the_example_is_a_plan" {
  command = plan

  module {
    source = "./examples/basic"
  }
}
