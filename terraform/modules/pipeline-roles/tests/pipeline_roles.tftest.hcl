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
  account_id        = "123456789012"
  artifact_store    = { bucket = "packages-bucket" }
  gitlab_project    = "shop/thumbnails"
  oidc_provider_arn = "arn:aws:iam::123456789012:oidc-provider/gitlab.example.com/gitlab"
  project           = "shop"
  region            = "eu-central-1"
}

run "exact_names_keep_a_neighbour_out_whose_name_begins_alike" {
  command = plan

  variables {
    builds = ["shop-thumbnails", "shop-a-name-that-is-longer-than-the-name-of-a-role-can-be"]
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : s.Resource if s.Action == "iam:PassRole"
      ])) == toset([
      "arn:aws:iam::123456789012:role/shop-thumbnails-eu-central-1",
      "arn:aws:iam::123456789012:role/shop-a-name-that-is-longer-than-the-name-o-${substr(sha256("shop-a-name-that-is-longer-than-the-name-of-a-role-can-be"), 0, 8)}-eu-central-1",
    ])
    error_message = "Exactly these roles, spelled as the module build-project spells them."
  }

  assert {
    condition = length([
      for s in concat(jsondecode(aws_iam_role_policy.apply.policy).Statement, jsondecode(aws_iam_role_policy.start.policy).Statement) :
      s if s.Effect == "Allow" && length([for r in flatten([s.Resource]) : r if strcontains(r, "shop-*")]) > 0
    ]) == 0
    error_message = "Nothing is for all that begins with the project's name."
  }

  assert {
    condition = length([
      for s in jsondecode(aws_iam_role_policy.apply.policy).Statement : s
      if length([for action in flatten([s.Action]) : action if can(regex("^(lambda|sqs|events|cloudwatch):", action))]) > 0
    ]) == 0
    error_message = "Without `return: event` there is no function to make."
  }

  assert {
    condition = alltrue([
      for role in aws_iam_role.this : jsondecode(role.assume_role_policy).Statement[0].Condition == {
        StringEquals = {
          "gitlab.example.com/gitlab:aud" = "https://gitlab.example.com/gitlab"
          "gitlab.example.com/gitlab:sub" = "project_path:shop/thumbnails:ref_type:branch:ref:main"
        }
      }
    ])
    error_message = "By default the branch main of one project, and no wildcard that nobody wrote."
  }

  assert {
    condition     = alltrue([for role in aws_iam_role.this : role.path == "/orchestrator/" && length(role.name) <= 64])
    error_message = "The roles are outside of what they may change."
  }
}

run "a_project_that_does_not_deploy_has_no_role_for_it" {
  command = plan

  assert {
    condition = toset(keys(aws_iam_role.this)) == toset(["apply", "start"]) && length(aws_iam_policy.functions) == 0 && (
      output.pipeline_roles.deploy_role_arn == null && output.pipeline_roles.functions_boundary_arn == null
    )
    error_message = "A role that nobody asked for."
  }
}

run "who_deploys_reaches_the_functions_that_are_named" {
  command = plan

  variables {
    deploy = {
      functions   = ["thumbs", "thumb-layer-*"]
      policy_arns = ["arn:aws:iam::123456789012:policy/queues"]
      refs        = [{ name = "v*", type = "tag" }]
    }
    state = { bucket = "states", key = "shop.old/terraform.tfstate" }
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["deploy"].policy).Statement : s.Resource if s.Sid == "KeepAndCallFunctions"
      ])) == toset([
      for name in ["thumb-layer-*", "thumb-layer-*:*", "thumbs", "thumbs:*"] : "arn:aws:lambda:eu-central-1:123456789012:function:${name}"
    ])
    error_message = "Exactly these names, with what is behind a colon: versions and aliases."
  }

  assert {
    condition = toset(flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["deploy"].policy).Statement : s.Resource if s.Action == "iam:PassRole"
      ])) == toset([
      "arn:aws:iam::123456789012:role/orchestrator/functions/thumb-layer-*",
      "arn:aws:iam::123456789012:role/orchestrator/functions/thumbs",
    ])
    error_message = "Roles of functions have a path of their own, which no build and no pipeline has."
  }

  assert {
    condition = flatten([
      for s in jsondecode(aws_iam_role_policy.deploy["deploy"].policy).Statement : s.Resource if s.Sid == "KeepStates"
    ]) == ["arn:aws:s3:::states/shop.old/terraform-*.tfstate"]
    error_message = "A state for each environment, and not that of prebuild."
  }

  assert {
    condition     = jsondecode(aws_iam_role.this["deploy"].assume_role_policy).Statement[0].Condition.StringLike["gitlab.example.com/gitlab:sub"] == "project_path:shop/thumbnails:ref_type:tag:ref:v*"
    error_message = "The listed refs take the role, and they only."
  }

  assert {
    condition     = keys(aws_iam_role_policy_attachment.deploy) == ["arn:aws:iam::123456789012:policy/queues"]
    error_message = "What else the project's Terraform makes is the owner's to allow."
  }
}

run "a_bound_of_the_owners_takes_the_place_of_ours" {
  command = plan

  variables {
    deploy = { boundary_arn = "arn:aws:iam::123456789012:policy/functions" }
  }

  assert {
    condition = length(aws_iam_policy.functions) == 0 && output.pipeline_roles.functions_boundary_arn == "arn:aws:iam::123456789012:policy/functions" && (
      strcontains(aws_iam_role_policy.deploy["deploy"].policy, "arn:aws:iam::123456789012:policy/functions")
    )
    error_message = "Roles of functions are made with this bound only."
  }
}

run "values_that_would_open_more_are_refused" {
  command = plan

  variables {
    account_id        = "1234"
    artifact_store    = { bucket = "packages-bucket", prefix = "*" }
    audience          = "*"
    builds            = ["shop-*-x"]
    deploy            = { boundary_arn = "*", functions = ["*"], refs = [{ name = "$${aws:username}" }] }
    gitlab_project    = "shop/*"
    oidc_provider_arn = "*"
    parameters        = ["/gitlab/*"]
    project           = "shop*"
    refs              = { apply = [{ name = "$${aws:username}" }], start = [{ name = "main", type = "*" }] }
    region            = "*"
    state             = { bucket = "*", key = "*" }
  }

  expect_failures = [
    var.account_id, var.artifact_store, var.audience, var.builds, var.deploy, var.gitlab_project,
    var.oidc_provider_arn, var.parameters, var.project, var.refs, var.region, var.state,
  ]
}
