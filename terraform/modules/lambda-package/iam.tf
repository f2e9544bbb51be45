# The role of the function, unless one is given: it may write its own log, and what `policies` say.

locals {
  own_roles = !local.layer && var.role == null ? { this = var.name } : {}
  role_arn  = var.role == null ? one([for role in aws_iam_role.this : role.arn]) : var.role.arn
}

data "aws_iam_policy_document" "trust" {
  statement {
    sid     = "AssumedByLambda"
    actions = ["sts:AssumeRole"]

    principals {
      type        = "Service"
      identifiers = ["lambda.amazonaws.com"]
    }
  }
}

data "aws_iam_policy_document" "function" {
  for_each = local.own_roles

  statement {
    sid       = "WriteOwnLog"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.this[each.key].arn}:*"]
  }
}

# X-Ray has no resources to name (Service Authorization Reference: X-Ray, PutTraceSegments).
data "aws_iam_policy_document" "tracing" {
  #checkov:skip=CKV_AWS_111:X-Ray takes traces on resource `*` only, and there is nothing else in this document
  #checkov:skip=CKV_AWS_356:X-Ray takes traces on resource `*` only, and there is nothing else in this document
  statement {
    sid       = "SendTraces"
    actions   = ["xray:PutTelemetryRecords", "xray:PutTraceSegments"]
    resources = ["*"]
  }
}

# The path keeps these roles out of what builds and pipelines may touch, and theirs out of what whoever deploys may.
resource "aws_iam_role" "this" {
  for_each = local.own_roles

  name                 = each.value
  assume_role_policy   = data.aws_iam_policy_document.trust.json
  description          = "What the function ${each.value} may do"
  path                 = "/orchestrator/functions/"
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "this" {
  #checkov:skip=CKV_AWS_290:only X-Ray, which has no resources to name, is on `*`; other policies are the caller's
  #checkov:skip=CKV_AWS_355:only X-Ray, which has no resources to name, is on `*`; other policies are the caller's
  for_each = merge(
    { for name in keys(local.own_roles) : "log" => data.aws_iam_policy_document.function[name].json },
    { for name in keys(local.own_roles) : "tracing" => data.aws_iam_policy_document.tracing.json if var.tracing },
    length(local.own_roles) == 0 ? {} : var.policies
  )

  name   = each.key
  policy = each.value
  role   = aws_iam_role.this["this"].id
}
