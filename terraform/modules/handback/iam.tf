# What the function may do: write its log, look at the builds of its projects, keep its markers, read one parameter, and
# send to its queue. The ARNs are put together from names, so that the whole policy can be read in the plan.

locals {
  store_root = var.artifact_store.prefix == "" ? "" : "${var.artifact_store.prefix}/"
  bucket_arn = "arn:${var.partition}:s3:::${var.artifact_store.bucket}"
  log_arn    = "arn:${var.partition}:logs:${var.region}:${var.account_id}:log-group:${local.log_group}"
  token_arn  = "arn:${var.partition}:ssm:${var.region}:${var.account_id}:parameter/${trimprefix(var.gitlab.token_parameter, "/")}"
}

# `aws:SourceArn` is not documented for the roles of functions. That only this function uses the role is said in the
# statements below (lambda:SourceFunctionArn).
data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByLambdaInThisAccountOnly"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }

    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [var.account_id]
    }
  }
}

data "aws_iam_policy_document" "function" {
  statement {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${local.log_arn}:*"]
  }

  statement {
    sid     = "LookAtOwnBuilds"
    actions = ["codebuild:BatchGetBuilds"]
    resources = [
      for name in sort(var.projects) : "arn:${var.partition}:codebuild:${var.region}:${var.account_id}:project/${name}"
    ]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arn]
    }
  }

  # aws:ResourceAccount: should the bucket ever be deleted and its name be taken by a stranger, nothing is told there.
  statement {
    sid       = "KeepOwnMarkers"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = ["${local.bucket_arn}/${local.store_root}handback/*"]

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arn]
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

  statement {
    sid       = "ReadTriggerToken"
    actions   = ["ssm:GetParameter"]
    resources = [local.token_arn]

    condition {
      test     = "ArnEquals"
      variable = "lambda:SourceFunctionArn"
      values   = [local.function_arn]
    }
  }

  # The key `aws/ssm` admits whoever may read the parameter; a key of one's own does not.
  dynamic "statement" {
    for_each = var.kms_key_arns.token == null ? {} : { this = var.kms_key_arns.token }

    content {
      sid       = "DecryptTriggerToken"
      actions   = ["kms:Decrypt"]
      resources = [statement.value]

      condition {
        test     = "StringEquals"
        variable = "kms:EncryptionContext:PARAMETER_ARN"
        values   = [local.token_arn]
      }

      condition {
        test     = "StringEquals"
        variable = "kms:ViaService"
        values   = ["ssm.${var.region}.amazonaws.com"]
      }
    }
  }

  # Lambda itself sends here, too, after the last retry, and then there is no source function.
  statement {
    sid       = "SendDeadLetters"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]
  }
}

data "aws_iam_policy_document" "queue" {
  statement {
    sid       = "DeadLettersOfOwnRules"
    actions   = ["sqs:SendMessage"]
    resources = [local.queue_arn]

    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com"]
    }

    condition {
      test     = "ArnEquals"
      variable = "aws:SourceArn"
      values   = local.rule_arns
    }
  }

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["sqs:*"]
    resources = [local.queue_arn]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_iam_role" "this" {
  name                 = "${local.name}-${var.region}"
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  description          = "What the function ${local.name} may do"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  name   = "handback"
  policy = data.aws_iam_policy_document.function.json
  role   = aws_iam_role.this.id
}
