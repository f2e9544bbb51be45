# What the jobs test and deploy may do: what the module lambda-package asks AWS for, on names that are the project's, with
# packages that were verified. docs/deploy.md says how the list was found. Nothing here makes a function public.

locals {
  deploy = var.deploy == null ? {} : { deploy = {
    bound_arn = coalesce(var.deploy.boundary_arn, "arn:${var.partition}:iam::${var.account_id}:policy${local.path}${local.base}-functions")
    names     = sort(var.deploy.functions == null ? ["${var.project}-*"] : tolist(var.deploy.functions))
    own_bound = var.deploy.boundary_arn == null
    refs      = var.deploy.refs
  } }
  own_bound = { for role, one in local.deploy : role => one if one.own_bound }

  deployed = {
    for role, one in local.deploy : role => {
      alarms     = [for name in one.names : "arn:${format(local.here, "cloudwatch")}:alarm:${trimsuffix(name, "*")}${endswith(name, "*") ? "*" : "-*"}"]
      functions  = flatten([for name in one.names : [for end in ["", ":*"] : "arn:${format(local.here, "lambda")}:function:${name}${end}"]])
      layers     = flatten([for name in one.names : [for end in ["", ":*"] : "arn:${format(local.here, "lambda")}:layer:${name}${end}"]])
      log_groups = flatten([for name in one.names : [for end in ["", ":*"] : "arn:${format(local.here, "logs")}:log-group:/aws/lambda/${name}${end}"]])
      # The path that the module lambda-package gives to its roles: neither builds nor pipelines have theirs there.
      roles = [for name in one.names : "arn:${var.partition}:iam::${var.account_id}:role${local.path}functions/${name}"]
    }
  }

  # One state for each environment, beside that of prebuild.
  state_suffix = var.state == null ? "" : try(regex("[^/.](\\.[^/.]+)$", var.state.key)[0], "")
  states       = var.state == null ? [] : ["${trimsuffix(var.state.key, local.state_suffix)}-*${local.state_suffix}"]
}

data "aws_iam_policy_document" "deploy" {
  for_each = local.deployed

  # AWS takes no names for this one; it shows no more than names.
  statement {
    sid       = "FindByName"
    actions   = ["logs:DescribeLogGroups"]
    resources = ["*"]
  }

  statement {
    sid = "KeepAndCallFunctions"
    actions = [
      "lambda:CreateAlias", "lambda:CreateFunction", "lambda:DeleteAlias", "lambda:DeleteFunction",
      "lambda:DeleteFunctionConcurrency", "lambda:GetAlias", "lambda:GetFunction", "lambda:GetFunctionCodeSigningConfig",
      "lambda:GetFunctionConfiguration", "lambda:InvokeFunction", "lambda:ListTags", "lambda:ListVersionsByFunction",
      "lambda:PublishVersion", "lambda:PutFunctionConcurrency", "lambda:TagResource", "lambda:UntagResource",
      "lambda:UpdateAlias", "lambda:UpdateFunctionCode", "lambda:UpdateFunctionConfiguration",
    ]
    resources = each.value.functions
  }

  statement {
    sid       = "KeepLayers"
    actions   = ["lambda:DeleteLayerVersion", "lambda:GetLayerVersion", "lambda:PublishLayerVersion"]
    resources = each.value.layers
  }

  # Who may write the permissions of a role that runs code can give it everything, and so have everything. Therefore
  # no role gets any that is not bound.
  statement {
    sid       = "MakeBoundRoles"
    actions   = ["iam:CreateRole", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"]
    resources = each.value.roles

    condition {
      test     = "StringEquals"
      variable = "iam:PermissionsBoundary"
      values   = [local.deploy[each.key].bound_arn]
    }
  }

  statement {
    sid = "KeepRoles"
    actions = [
      "iam:DeleteRole", "iam:DeleteRolePolicy", "iam:GetRole", "iam:GetRolePolicy", "iam:ListAttachedRolePolicies",
      "iam:ListInstanceProfilesForRole", "iam:ListRolePolicies", "iam:TagRole", "iam:UntagRole",
      "iam:UpdateAssumeRolePolicy", "iam:UpdateRoleDescription",
    ]
    resources = each.value.roles
  }

  statement {
    sid       = "GiveFunctionsTheirRole"
    actions   = ["iam:PassRole"]
    resources = each.value.roles

    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["lambda.amazonaws.com"]
    }
  }

  statement {
    sid = "KeepLogGroups"
    actions = [
      "logs:CreateLogGroup", "logs:DeleteLogGroup", "logs:DeleteMetricFilter", "logs:DescribeMetricFilters",
      "logs:ListTagsForResource", "logs:PutMetricFilter", "logs:PutRetentionPolicy", "logs:TagResource",
      "logs:UntagResource",
    ]
    resources = each.value.log_groups
  }

  statement {
    sid = "KeepAlarms"
    actions = [
      "cloudwatch:DeleteAlarms", "cloudwatch:DescribeAlarms", "cloudwatch:ListTagsForResource",
      "cloudwatch:PutMetricAlarm", "cloudwatch:TagResource", "cloudwatch:UntagResource",
    ]
    resources = each.value.alarms
  }

  # The function of `return: event` reads the trigger token, and its name begins with the project's, too.
  statement {
    sid       = "NotTheWayHome"
    effect    = "Deny"
    actions   = ["cloudwatch:*", "lambda:*", "logs:*"]
    resources = flatten([for arn in [local.way_home.alarms, local.way_home.function, local.way_home.log_group] : [arn, "${arn}:*"]])
  }

  # aws:ResourceAccount: should the bucket ever be deleted and its name be taken by a stranger, nothing is read from
  # there.
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

  # Lambda reads the code on behalf of whoever deploys it.
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

  # What has come home, and which environment it has passed.
  statement {
    sid       = "NoteWhatHasPassed"
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
      sid       = "KeepStates"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = [for key in local.states : "arn:${var.partition}:s3:::${statement.value.bucket}/${key}"]

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
      sid       = "LockStates"
      actions   = ["s3:DeleteObject", "s3:GetObject", "s3:PutObject"]
      resources = [for key in local.states : "arn:${var.partition}:s3:::${statement.value.bucket}/${key}.tflock"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = [var.account_id]
      }
    }
  }
}

resource "aws_iam_role_policy" "deploy" {
  for_each = data.aws_iam_policy_document.deploy

  name   = each.key
  policy = each.value.json
  role   = aws_iam_role.this[each.key].id

  lifecycle {
    precondition {
      condition     = length(jsonencode(jsondecode(each.value.json))) <= 10240
      error_message = "The policy is longer than the 10,240 characters that IAM takes: name fewer functions or builds, or a beginning that ends in `*`."
    }
  }
}

# For what else the project's Terraform makes: only the account's owner knows, and writes it.
resource "aws_iam_role_policy_attachment" "deploy" {
  for_each = var.deploy == null ? toset([]) : var.deploy.policy_arns

  policy_arn = each.value
  role       = aws_iam_role.this["deploy"].name
}

# The most that a function's role can do, unless the account's owner names another policy: X-Ray has no resources to name
# (Service Authorization Reference: X-Ray, PutTraceSegments).
data "aws_iam_policy_document" "functions" {
  #checkov:skip=CKV_AWS_111:X-Ray takes traces on resource `*` only
  #checkov:skip=CKV_AWS_356:X-Ray takes traces on resource `*` only
  for_each = local.own_bound

  statement {
    sid       = "WriteLogs"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = local.deployed[each.key].log_groups
  }

  statement {
    sid       = "SendTraces"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }

  # Its log says what became of builds, and no function of the project's is to write there.
  statement {
    sid       = "NotTheWayHome"
    effect    = "Deny"
    actions   = ["logs:*"]
    resources = [local.way_home.log_group, "${local.way_home.log_group}:*"]
  }
}

resource "aws_iam_policy" "functions" {
  #checkov:skip=CKV_AWS_290:only X-Ray, which has no resources to name, is on `*`
  #checkov:skip=CKV_AWS_355:only X-Ray, which has no resources to name, is on `*`
  for_each = data.aws_iam_policy_document.functions

  name        = "${local.base}-functions"
  description = "The most that a function of ${var.project} can ever do"
  path        = local.path
  policy      = each.value.json
  tags        = var.tags

  lifecycle {
    precondition {
      condition     = length(jsonencode(jsondecode(each.value.json))) <= 6144
      error_message = "The bound of the functions is longer than the 6,144 characters that IAM takes: name fewer functions, or a beginning that ends in `*`."
    }
  }
}
