# What prebuild may do: what Terraform asks AWS for when it makes and changes the root, on this project's names only.
# docs/terraform.md says how the list was found. Nothing here deletes a bucket or a package, or makes a project public.

locals {
  roles_to_make = concat(local.build_role_arns, values(local.handback)[*].role)
  logs_to_make  = concat(local.log_group_arns, values(local.handback)[*].log_group)
}

data "aws_iam_policy_document" "apply" {
  # AWS takes no names for these two; neither shows more than names.
  statement {
    sid       = "FindByName"
    actions   = ["logs:DescribeLogGroups", "ssm:DescribeParameters"]
    resources = ["*"]
  }

  statement {
    sid = "KeepProjects"
    actions = [
      "codebuild:BatchGetProjects", "codebuild:CreateProject", "codebuild:DeleteProject", "codebuild:UpdateProject",
    ]
    resources = local.project_arns
  }

  # Who may write the permissions of a role that runs code can give it everything, and so have everything. Therefore
  # no role gets any that is not bound.
  statement {
    sid       = "MakeBoundRoles"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = local.roles_to_make

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.bound_arn]
    }
  }

  statement {
    sid = "KeepRoles"
    actions = [
      "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRoleDescription",
    ]
    resources = local.roles_to_make
  }

  statement {
    sid       = "GiveBuildsTheirRole"
    actions   = ["iam:PassRole"]
    resources = local.build_role_arns

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["codebuild.amazonaws.com"]
    }
  }

  statement {
    sid = "KeepLogGroups"
    actions = [
      "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:ListTagsForResource", "logs:PutRetentionPolicy",
      "logs:TagResource", "logs:UntagResource",
    ]
    resources = flatten([for arn in local.logs_to_make : [arn, "${arn}:*"]])
  }

  # aws:ResourceAccount: should the bucket ever be deleted and its name be taken by a stranger, nothing goes there.
  statement {
    sid       = "FindBucket"
    actions   = ["s3:ListBucket"]
    resources = [local.bucket_arn]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }
  }

  dynamic "statement" {
    for_each = var.artifact_store.managed ? { this = local.bucket_arn } : {}

    content {
      sid = "KeepBucket"
      actions = [
        "s3:CreateBucket", "s3:GetAccelerateConfiguration", "s3:GetBucketAcl", "s3:GetBucketCORS",
        "s3:GetBucketLogging", "s3:GetBucketObjectLockConfiguration", "s3:GetBucketOwnershipControls",
        "s3:GetBucketPolicy", "s3:GetBucketPublicAccessBlock", "s3:GetBucketRequestPayment", "s3:GetBucketTagging",
        "s3:GetBucketVersioning", "s3:GetBucketWebsite", "s3:GetEncryptionConfiguration",
        "s3:GetLifecycleConfiguration", "s3:GetReplicationConfiguration", "s3:PutBucketOwnershipControls",
        "s3:PutBucketPolicy", "s3:PutBucketPublicAccessBlock", "s3:PutBucketTagging", "s3:PutBucketVersioning",
        "s3:PutEncryptionConfiguration", "s3:PutLifecycleConfiguration",
      ]
      resources = [statement.value]
    }
  }

  statement {
    sid       = "StoreTool"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.store_arn}tools/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }
  }

  # The key serves this bucket only, and through S3 only. S3 puts the bucket into the encryption context where the bucket
  # has a bucket key, and the object where it has none.
  dynamic "statement" {
    for_each = var.artifact_store.kms_key_arn == null ? {} : { this = var.artifact_store.kms_key_arn }

    content {
      sid       = "UseKeyOfBucket"
      actions   = ["kms:Decrypt", "kms:GenerateDataKey"]
      resources = [statement.value]

      condition {
        test     = "StringLike"
        variable = "kms:EncryptionContext:aws:s3:arn"
        values   = [local.bucket_arn, "${local.bucket_arn}/*"]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["s3.${var.region}.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = var.state == null ? {} : { this = var.state }

    content {
      sid       = "FindState"
      actions   = ["s3:ListBucket"]
      resources = ["arn:${var.partition}:s3:::${statement.value.bucket}"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = [var.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = var.state == null ? {} : { this = var.state }

    content {
      sid       = "KeepState"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["arn:${var.partition}:s3:::${statement.value.bucket}/${statement.value.key}"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = [var.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = var.state == null ? {} : { this = var.state }

    content {
      sid       = "LockState"
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = ["arn:${var.partition}:s3:::${statement.value.bucket}/${statement.value.key}.tflock"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = [var.account_id]
      }
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid = "KeepFunction"
      actions = [
        "lambda:AddPermission", "lambda:CreateFunction", "lambda:DeleteFunction", "lambda:DeleteFunctionConcurrency",
        "lambda:DeleteFunctionEventInvokeConfig", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig",
        "lambda:GetFunctionEventInvokeConfig", "lambda:GetPolicy", "lambda:ListVersionsByFunction",
        "lambda:PutFunctionConcurrency", "lambda:PutFunctionEventInvokeConfig", "lambda:RemovePermission",
        "lambda:TagResource", "lambda:UntagResource", "lambda:UpdateFunctionCode",
        "lambda:UpdateFunctionConfiguration",
      ]
      resources = [statement.value.function]
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid       = "GiveFunctionItsRole"
      actions   = ["iam:PassRole"]
      resources = [statement.value.role]

      condition {
        test     = "StringEquals"
        variable = "iam:PassedToService"
        values   = ["lambda.amazonaws.com"]
      }
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid       = "EncryptFunctionLog"
      actions   = ["logs:AssociateKmsKey", "logs:DisassociateKmsKey"]
      resources = [statement.value.log_group, "${statement.value.log_group}:*"]
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid = "KeepRules"
      actions = [
        "events:DeleteRule", "events:DescribeRule", "events:ListTagsForResource", "events:ListTargetsByRule",
        "events:PutRule", "events:PutTargets", "events:RemoveTargets", "events:TagResource", "events:UntagResource",
      ]
      resources = [statement.value.rules]
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid = "KeepQueue"
      actions = [
        "sqs:CreateQueue", "sqs:DeleteQueue", "sqs:GetQueueAttributes", "sqs:ListQueueTags", "sqs:SetQueueAttributes",
        "sqs:TagQueue", "sqs:UntagQueue",
      ]
      resources = [statement.value.queue]
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid = "KeepAlarms"
      actions = [
        "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
        "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
      ]
      resources = [statement.value.alarms]
    }
  }
}
