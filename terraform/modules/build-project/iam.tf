# What a build may do: write its own log, read its commit and its tool, keep its own package and the wheels
# that it compiled, read its own parameters.
# The ARNs are put together from names, so that the whole policy can be read in the plan.

locals {
  # Role names are unique in an account, not in a region, and have at most 64 characters.
  role_whole = "${var.name}-${var.region}"
  role_cut   = "${substr(var.name, 0, 64 - length(var.region) - 10)}-${substr(sha256(var.name), 0, 8)}-${var.region}"
  role       = length(local.role_whole) <= 64 ? local.role_whole : local.role_cut

  store_root    = var.artifact_store.prefix == "" ? "" : "${var.artifact_store.prefix}/"
  bucket_arn    = "arn:${var.partition}:s3:::${var.artifact_store.bucket}"
  store_arn     = "${local.bucket_arn}/${local.store_root}"
  log_group_arn = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${local.log_group}"
  parameter_arns = [
    for name in sort(distinct(var.parameters)) :
    "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter/${trimprefix(name, "/")}"
  ]
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByThisProjectOnly"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["codebuild.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceArn"
      values   = [local.arn]
    }
  }
}

data "aws_iam_policy_document" "build" {
  statement {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = [local.log_group_arn, "${local.log_group_arn}:*"]
  }

  # aws:ResourceAccount: should the bucket ever be deleted and its name be taken by a stranger, nothing is read from
  # there and no package is handed over. codebuild:projectArn: CodeBuild puts it into the session of a build, so
  # whoever else should come to hold this role has none of this (docs/adr/0013-roles.md).
  statement {
    sid       = "ReadCommitAndTool"
    actions   = ["s3:GetObject"]
    resources = ["${local.store_arn}snapshots/*", "${local.store_arn}tools/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "codebuild:projectArn"
      values   = [local.arn]
    }
  }

  # Reading is needed where a package is already there (If-None-Match): it has to be compared.
  statement {
    sid       = "KeepOwnPackage"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.store_arn}artifacts/${var.name}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "codebuild:projectArn"
      values   = [local.arn]
    }
  }

  # What one build compiled, the next one takes, whatever its branch: docs/compiling.md says what that means.
  statement {
    sid       = "KeepOwnWheels"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.store_arn}wheels/${var.name}/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "codebuild:projectArn"
      values   = [local.arn]
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
    for_each = length(local.parameter_arns) > 0 ? { this = local.parameter_arns } : {}

    content {
      sid       = "ReadOwnParameters"
      actions   = ["ssm:GetParameter", "ssm:GetParameters"]
      resources = statement.value

      condition {
        test     = "ArnEquals"
        variable = "codebuild:projectArn"
        values   = [local.arn]
      }
    }
  }

  # Which key encrypts a parameter is its owner's business. Whatever key it is, it can be used only by SSM and only to
  # read these parameters: SSM puts the parameter's ARN into the encryption context.
  dynamic "statement" {
    for_each = length(local.parameter_arns) > 0 ? { this = local.parameter_arns } : {}

    content {
      sid       = "DecryptOwnParameters"
      actions   = ["kms:Decrypt"]
      resources = ["arn:${var.partition}:kms:${var.region}:${var.account_id}:key/*"]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:PARAMETER_ARN"
        values   = statement.value
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["ssm.${var.region}.amazonaws.com"]
      }
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = local.role
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  description          = "What builds of ${var.name} may do"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "build"
  policy = data.aws_iam_policy_document.build.json
  role   = aws_iam_role.this.id
}
