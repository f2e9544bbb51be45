# What S3 is asked for is computed by the real provider in a plan, which needs no account; data that would come from
# AWS is mocked.
provider "aws" {
  region                      = "eu-central-1"
  access_key                  = "none"
  secret_key                  = "none"
  skip_credentials_validation = true
  skip_metadata_api_check     = true
  skip_requesting_account_id  = true
}

mock_provider "aws" {
  alias = "mocked"
}

variables {
  account_id = "123456789012"
  region     = "eu-central-1"
}

run "plain_http_is_denied_for_the_bucket_and_everything_in_it" {
  command = plan

  assert {
    condition = alltrue([
      for statement in jsondecode(data.aws_iam_policy_document.bucket["this"].json).Statement :
      statement.Effect == "Deny" && statement.Principal == "*" && statement.Action == "s3:*"
      && statement.Condition == { Bool = { "aws:SecureTransport" = "false" } }
      && toset(statement.Resource) == toset([
        "arn:aws:s3:::codebuild-orchestrator-123456789012-eu-central-1",
        "arn:aws:s3:::codebuild-orchestrator-123456789012-eu-central-1/*",
      ])
    ])
    error_message = "The bucket policy must deny everything over plain HTTP, and do nothing else."
  }
}

run "the_bucket_is_private_versioned_encrypted_and_not_emptied_silently" {
  command = plan

  assert {
    condition     = aws_s3_bucket.this["this"].force_destroy == false
    error_message = "A bucket that holds packages must survive a destroy."
  }

  assert {
    condition = alltrue([
      aws_s3_bucket_public_access_block.this["this"].block_public_acls,
      aws_s3_bucket_public_access_block.this["this"].block_public_policy,
      aws_s3_bucket_public_access_block.this["this"].ignore_public_acls,
      aws_s3_bucket_public_access_block.this["this"].restrict_public_buckets,
    ])
    error_message = "All four doors to the public must be shut."
  }

  assert {
    condition     = aws_s3_bucket_versioning.this["this"].versioning_configuration[0].status == "Enabled"
    error_message = "An overwritten package must stay readable."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this["this"].rule :
      rule.bucket_key_enabled && rule.apply_server_side_encryption_by_default[0].sse_algorithm == "aws:kms"
    ])
    error_message = "Everything must be encrypted with KMS through a bucket key."
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_ownership_controls.this["this"].rule : rule.object_ownership == "BucketOwnerEnforced"
    ])
    error_message = "No ACL may give an object away."
  }
}

run "snapshots_packages_and_wheels_expire_below_the_prefix_and_the_tool_stays" {
  command = plan

  variables {
    prefixes       = ["team/packages", "shop"]
    retention_days = 14
  }

  assert {
    condition = {
      for rule in aws_s3_bucket.this["this"].lifecycle_rule :
      rule.prefix => rule.expiration[0].days if rule.enabled && length(rule.expiration) > 0
      } == {
      "team/packages/artifacts/" = 14, "team/packages/assembled/" = 14, "team/packages/cache/" = 14, "team/packages/handback/" = 14,
      "team/packages/snapshots/" = 14, "team/packages/wheels/" = 14,
      "shop/artifacts/"          = 14, "shop/assembled/" = 14, "shop/cache/" = 14, "shop/handback/" = 14, "shop/snapshots/" = 14, "shop/wheels/" = 14
    }
    error_message = "Exactly snapshots, packages, compiled wheels and the markers of builds expire."
  }

  assert {
    condition = [
      for rule in aws_s3_bucket.this["this"].lifecycle_rule : {
        expires_current = length(rule.expiration) > 0
        multipart_days  = rule.abort_incomplete_multipart_upload_days
        old_days        = one(rule.noncurrent_version_expiration[*].days)
      } if rule.enabled && rule.id == "clean-up" && try(length(rule.prefix), 0) == 0
    ] == [{ expires_current = false, multipart_days = 1, old_days = 14 }]
    error_message = "Unfinished uploads and old versions must go, everywhere in the bucket."
  }
}

run "without_prefixes_nothing_expires_but_old_versions" {
  command = plan

  variables {
    prefixes = []
  }

  assert {
    condition     = aws_s3_bucket.this["this"].lifecycle_rule[*].id == tolist(["clean-up"])
    error_message = "What is stored must stay."
  }
}

run "a_key_of_ones_own_encrypts_the_bucket" {
  command = plan

  variables {
    kms_key_arn = "arn:aws:kms:eu-central-1:123456789012:key/00000000-0000-0000-0000-000000000000"
  }

  assert {
    condition = alltrue([
      for rule in aws_s3_bucket_server_side_encryption_configuration.this["this"].rule :
      rule.apply_server_side_encryption_by_default[0].kms_master_key_id == var.kms_key_arn && rule.bucket_key_enabled
    ])
    error_message = "Everything must be encrypted with the key that was named."
  }
}

run "an_alias_is_no_key" {
  command = plan

  variables {
    kms_key_arn = "alias/mine"
  }

  expect_failures = [var.kms_key_arn]
}

run "a_long_name_is_cut_to_a_valid_name" {
  command = plan

  variables {
    name = "a-name-that-is-much-longer-than-what-fits-into-the-name-of-a-bucket-one"
  }

  assert {
    condition     = output.bucket == "a-name-that-is-much-longer-t-40688f97-123456789012-eu-central-1"
    error_message = "Got ${output.bucket}."
  }

  assert {
    condition     = length(output.bucket) <= 63
    error_message = "At most 63 characters."
  }
}

run "another_long_name_with_the_same_beginning_is_another_bucket" {
  command = plan

  variables {
    name = "a-name-that-is-much-longer-than-what-fits-into-the-name-of-a-bucket-two"
  }

  assert {
    condition     = output.bucket != run.a_long_name_is_cut_to_a_valid_name.bucket
    error_message = "Two names became one bucket."
  }
}

run "a_name_that_a_bucket_cannot_have_is_respelled" {
  command = plan

  variables {
    name = "Group/Sub_Group"
  }

  assert {
    condition     = can(regex("^group-sub-group-[0-9a-f]{8}-123456789012-eu-central-1$", output.bucket))
    error_message = "Got ${output.bucket}."
  }
}

run "somebody_elses_bucket_is_looked_up_and_left_alone" {
  command = plan

  providers = {
    aws = aws.mocked
  }

  variables {
    bucket  = "already-there"
    managed = false
  }

  assert {
    condition     = output.bucket == "already-there" && data.aws_s3_bucket.existing["this"].bucket == "already-there"
    error_message = "The bucket must be looked up."
  }

  assert {
    condition = 0 == sum([
      length(aws_s3_bucket.this), length(aws_s3_bucket_policy.this),
      length(aws_s3_bucket_versioning.this), length(aws_s3_bucket_public_access_block.this),
      length(aws_s3_bucket_ownership_controls.this), length(aws_s3_bucket_server_side_encryption_configuration.this),
    ])
    error_message = "Nothing of it may be changed."
  }
}

run "the_example_is_a_plan" {
  command = plan

  module {
    source = "./examples/basic"
  }
}

run "a_prefix_with_a_slash_at_its_end_is_refused" {
  command = plan

  variables {
    prefixes = ["packages/"]
  }

  expect_failures = [var.prefixes]
}

run "a_retention_of_no_days_is_refused" {
  command = plan

  variables {
    retention_days = 0
  }

  expect_failures = [var.retention_days]
}

run "a_bucket_name_that_s3_would_refuse_is_refused" {
  command = plan

  variables {
    bucket = "Not_A_Bucket"
  }

  expect_failures = [var.bucket]
}
