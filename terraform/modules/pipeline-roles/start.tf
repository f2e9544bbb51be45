# What build, postbuild, stop and reconcile may do: start builds as they are configured, follow them, keep what belongs
# to their commit. Whoever has this role can not choose what a build runs, on what, or as whom.

locals {
  # One for each condition key of StartBuild (Service Authorization Reference, AWS CodeBuild) but those of environment
  # variables. A key without a dot is there as soon as anything of that block is asked for.
  denied_overrides = [
    "codebuild:artifacts",
    "codebuild:autoRetryLimit",
    "codebuild:cache",
    "codebuild:encryptionKey",
    "codebuild:environment.certificate",
    "codebuild:environment.computeType",
    "codebuild:environment.fleet.fleetArn",
    "codebuild:environment.image",
    "codebuild:environment.imagePullCredentialsType",
    "codebuild:environment.privilegedMode",
    "codebuild:environment.registryCredential",
    "codebuild:environment.type",
    "codebuild:logsConfig",
    "codebuild:secondaryArtifacts",
    "codebuild:secondarySources",
    "codebuild:serviceRole",
    "codebuild:source",
    "codebuild:source.auth.resource",
    "codebuild:source.auth.type",
    "codebuild:source.buildStatusConfig.context",
    "codebuild:source.buildStatusConfig.targetUrl",
    "codebuild:source.buildspec",
    "codebuild:source.insecureSsl",
    "codebuild:source.location",
  ]

  # What `orchestrator build` tells a build, and nothing else: no PATH, no LD_PRELOAD, no AWS_ENDPOINT_URL.
  variables = [
    "ORCHESTRATOR_COMMIT_SHA",
    "ORCHESTRATOR_MARKER",
    "ORCHESTRATOR_PIPELINE_ID",
    "ORCHESTRATOR_REF",
    "ORCHESTRATOR_SNAPSHOT_SHA256",
  ]
}

data "aws_iam_policy_document" "start" {
  statement {
    sid = "StartAndFollowBuilds"
    actions = [
      "codebuild:BatchGetBuilds", "codebuild:BatchGetProjects", "codebuild:ListBuildsForProject",
      "codebuild:StartBuild", "codebuild:StopBuild",
    ]
    resources = local.project_arns
  }

  # A statement each: the conditions of one statement must hold all at once.
  dynamic "statement" {
    for_each = { for key in local.denied_overrides : join("", [for word in split(".", trimprefix(key, "codebuild:")) : title(word)]) => key }

    content {
      sid       = "No${statement.key}"
      effect    = "Deny"
      actions   = ["codebuild:StartBuild"]
      resources = ["*"]

      condition {
        test     = "Null"
        variable = statement.value
        values   = ["false"]
      }
    }
  }

  statement {
    sid       = "NoOtherVariables"
    effect    = "Deny"
    actions   = ["codebuild:StartBuild"]
    resources = ["*"]

    condition {
      test     = "ForAnyValue:StringNotEquals"
      variable = "codebuild:environment.environmentVariables.name"
      values   = local.variables
    }
  }

  statement {
    sid       = "ReadLogs"
    actions   = ["logs:FilterLogEvents", "logs:GetLogEvents"]
    resources = [for arn in local.log_group_arns : "${arn}:*"]
  }

  # aws:ResourceAccount: should the bucket ever be deleted and its name be taken by a stranger, nothing is read from
  # there and no commit is handed over.
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

  # Reading is needed where an object is already there (If-None-Match): it has to be compared.
  statement {
    sid     = "StoreCommitAndWhatWasMadeHere"
    actions = ["s3:GetObject", "s3:PutObject"]
    resources = concat(
      ["${local.store_arn}snapshots/*"], [for name in local.builds : "${local.store_arn}assembled/${name}/*"]
    )

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }
  }

  statement {
    sid     = "ReadPackages"
    actions = ["s3:GetObject", "s3:GetObjectVersion"]
    resources = flatten([
      for name in local.builds : ["${local.store_arn}artifacts/${name}/*", "${local.store_arn}assembled/${name}/*"]
    ])

    condition {
      test     = "StringEquals"
      variable = "aws:ResourceAccount"
      values   = [var.account_id]
    }
  }

  # Which pipeline has a build: written by postbuild and reconcile.
  statement {
    sid       = "NoteHomecomings"
    actions   = ["s3:GetObject", "s3:PutObject"]
    resources = [for name in local.builds : "${local.store_arn}handback/${name}/*"]

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
}
