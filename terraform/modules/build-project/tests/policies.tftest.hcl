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
  account_id = "123456789012"
  artifact_store = {
    bucket = "packages-bucket"
    prefix = "team/packages"
  }
  buildspec = "version: 0.2\nphases: {}\n"
  environment = {
    architecture = "arm64"
    image        = "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    type         = "ARM_CONTAINER"
  }
  name            = "proj"
  region          = "eu-central-1"
  settings_digest = "abc"
}

run "only_codebuild_on_behalf_of_this_project_takes_the_role" {
  command = plan

  assert {
    condition = [for s in jsondecode(aws_iam_role.this.assume_role_policy).Statement : {
      action = s.Action, condition = s.Condition, effect = s.Effect, principal = s.Principal
      }] == [{
      action = "sts:AssumeRole"
      condition = {
        StringEquals = {
          "aws:SourceAccount" = "123456789012"
          "aws:SourceArn"     = "arn:aws:codebuild:eu-central-1:123456789012:project/proj"
        }
      }
      effect    = "Allow"
      principal = { Service = "codebuild.amazonaws.com" }
    }]
    error_message = "The trust must be bound to this account and this project."
  }
}

run "a_build_writes_its_own_log_and_its_own_packages_only" {
  command = plan

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Sid => flatten([s.Resource])
      } == {
      KeepOwnPackage = ["arn:aws:s3:::packages-bucket/team/packages/artifacts/proj/*"]
      KeepOwnWheels  = ["arn:aws:s3:::packages-bucket/team/packages/wheels/proj/*"]
      ReadCommitAndTool = [
        "arn:aws:s3:::packages-bucket/team/packages/tools/*", "arn:aws:s3:::packages-bucket/team/packages/snapshots/*",
      ]
      WriteOwnLog = [
        "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/proj:*",
        "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/proj",
      ]
    }
    error_message = "Without parameters there are four statements, each on its own exact prefix."
  }

  assert {
    condition = {
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Sid => toset(flatten([s.Action]))
      } == {
      KeepOwnPackage    = toset(["s3:GetObject", "s3:PutObject"])
      KeepOwnWheels     = toset(["s3:GetObject", "s3:PutObject"])
      ReadCommitAndTool = toset(["s3:GetObject"])
      WriteOwnLog       = toset(["logs:CreateLogStream", "logs:PutLogEvents"])
    }
    error_message = "A build deletes nothing, lists nothing and creates no log group."
  }

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement :
      s.Condition.StringEquals["aws:ResourceAccount"] == "123456789012" if s.Sid != "WriteOwnLog"
    ])
    error_message = "A bucket of the same name in another account must be refused."
  }
}

run "a_neighbour_whose_name_begins_alike_is_not_covered" {
  command = plan

  # An IAM wildcard as a regular expression, laid over what the project proj2 owns.
  assert {
    condition = length([
      for pair in setproduct(
        flatten([for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Resource]),
        [
          "arn:aws:s3:::packages-bucket/team/packages/artifacts/proj2/x/package.zip",
          "arn:aws:s3:::packages-bucket/team/packages/wheels/proj2/x/pycurl.whl",
          "arn:aws:s3:::packages-bucket/team/packages2/tools/x.pyz",
          "arn:aws:s3:::packages-bucket/tools/x.pyz",
          "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/proj2",
          "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/codebuild/proj2:log-stream:x",
        ]
      ) : pair if can(regex("^${replace(pair[0], "*", ".*")}$", pair[1]))
    ]) == 0
    error_message = "The permissions of proj reach into proj2."
  }
}

run "a_build_reads_exactly_its_parameters" {
  command = plan

  variables {
    parameters = ["/gitlab/trigger/proj", "plain-name", "/gitlab/trigger/proj"]
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : toset(s.Resource) if s.Sid == "ReadOwnParameters"
      ] == [toset([
        "arn:aws:ssm:eu-central-1:123456789012:parameter/gitlab/trigger/proj",
        "arn:aws:ssm:eu-central-1:123456789012:parameter/plain-name",
    ])]
    error_message = "Only the named parameters may be read."
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : {
        through = s.Condition.StringEquals["kms:ViaService"]
        what    = toset(s.Condition.StringEquals["kms:EncryptionContext:PARAMETER_ARN"])
      } if s.Action == "kms:Decrypt"
      ] == [{
        through = "ssm.eu-central-1.amazonaws.com"
        what = toset([
          "arn:aws:ssm:eu-central-1:123456789012:parameter/gitlab/trigger/proj",
          "arn:aws:ssm:eu-central-1:123456789012:parameter/plain-name",
        ])
    }]
    error_message = "Keys decrypt the named parameters only, and through SSM only."
  }
}

run "the_key_of_the_bucket_serves_this_bucket_through_s3" {
  command = plan

  variables {
    artifact_store = {
      bucket      = "packages-bucket"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    }
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : {
        actions  = toset(s.Action)
        resource = s.Resource
        through  = s.Condition.StringEquals["kms:ViaService"]
        what     = toset(s.Condition.StringLike["kms:EncryptionContext:aws:s3:arn"])
      } if s.Sid == "UseKeyOfBucket"
      ] == [{
        actions  = toset(["kms:Decrypt", "kms:GenerateDataKey"])
        resource = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
        through  = "s3.eu-central-1.amazonaws.com"
        what     = toset(["arn:aws:s3:::packages-bucket", "arn:aws:s3:::packages-bucket/*"])
    }]
    error_message = "Exactly this key, for exactly this bucket."
  }
}

run "no_statement_is_for_everything" {
  command = plan

  variables {
    artifact_store = {
      bucket      = "packages-bucket"
      kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
    }
    parameters = ["/gitlab/trigger/proj"]
  }

  assert {
    condition = alltrue([
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement :
      s.Effect == "Allow" && s.Sid != "" && !contains(flatten([s.Resource]), "*")
      && length([for action in flatten([s.Action]) : action if strcontains(action, "*")]) == 0
    ])
    error_message = "Every statement has a name, real actions and real resources."
  }
}

run "without_a_prefix_the_keys_begin_at_the_root_of_the_bucket" {
  command = plan

  variables {
    artifact_store = { bucket = "packages-bucket" }
  }

  assert {
    condition = [
      for s in jsondecode(aws_iam_role_policy.this.policy).Statement : s.Resource if s.Sid == "KeepOwnPackage"
    ] == ["arn:aws:s3:::packages-bucket/artifacts/proj/*"]
    error_message = "No stray slash."
  }
}

run "a_long_project_name_still_gets_a_valid_role_name" {
  command = plan

  variables {
    name = "a-project-name-that-is-far-longer-than-the-name-of-a-role-can-ever-be-arm64"
  }

  assert {
    condition     = length(aws_iam_role.this.name) <= 64 && endswith(aws_iam_role.this.name, "-eu-central-1")
    error_message = "Got ${aws_iam_role.this.name}."
  }
}
