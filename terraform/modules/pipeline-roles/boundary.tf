# The most that roles made by prebuild can do: what the modules build-project and handback give them, for all names of
# this project at once. What such a role may do is what both its own policy and this one allow.

data "aws_iam_policy_document" "boundary" {
  source_policy_documents = [data.aws_iam_policy_document.reach.json]

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = flatten([for arn in local.logs_to_make : [arn, "${arn}:*"]])
  }

  statement {
    sid       = "ReadCommitAndTool"
    actions   = ["s3:GetObject"]
    resources = ["${local.store_arn}snapshots/*", "${local.store_arn}tools/*"]
  }

  statement {
    sid     = "KeepPackagesAndWheels"
    actions = ["s3:GetObject", "s3:PutObject"]
    resources = flatten([
      for name in local.builds : ["${local.store_arn}artifacts/${name}/*", "${local.store_arn}wheels/${name}/*"]
    ])
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
      sid       = "ReadParameters"
      actions   = ["ssm:GetParameter", "ssm:GetParameters"]
      resources = statement.value
    }
  }

  # Whatever key it is, it can be used only by SSM and only to read these parameters.
  dynamic "statement" {
    for_each = length(local.parameter_arns) > 0 ? { this = local.parameter_arns } : {}

    content {
      sid       = "DecryptParameters"
      actions   = ["kms:Decrypt"]
      resources = ["arn:${format(local.here, "kms")}:key/*"]

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

  dynamic "statement" {
    for_each = local.handback

    content {
      sid       = "LookAtBuilds"
      actions   = ["codebuild:BatchGetBuilds"]
      resources = local.project_arns
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid       = "KeepMarkers"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${local.store_arn}handback/*"]
    }
  }

  dynamic "statement" {
    for_each = local.handback

    content {
      sid       = "SendDeadLetters"
      actions   = ["sqs:SendMessage"]
      resources = [statement.value.queue]
    }
  }
}
