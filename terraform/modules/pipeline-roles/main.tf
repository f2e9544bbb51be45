# Two roles for the jobs of one GitLab project, a third where it deploys, and the bound of every role that they may make.
# Whoever owns the account applies this once; it is no part of the root that prebuild applies, because that root must not
# change it.

locals {
  # Every ARN is put together from names, so that the whole policies can be read in the plan.
  here   = "${var.partition}:%s:${var.region}:${var.account_id}"
  builds = sort(var.builds == null ? ["${var.project}-*"] : tolist(var.builds))

  project_arns   = [for name in local.builds : "arn:${format(local.here, "codebuild")}:project/${name}"]
  log_group_arns = [for name in local.builds : "arn:${format(local.here, "logs")}:log-group:/aws/codebuild/${name}"]

  # The name of a build's role is the project's, a hyphen and the region, and is cut as the module build-project cuts it.
  # A beginning is cut where a name with that beginning would be.
  name_limit = 64 - length(var.region) - 10
  role_names = [
    for name in local.builds : endswith(name, "*")
    ? "${substr(trimsuffix(name, "*"), 0, local.name_limit)}*-${var.region}"
    : (length("${name}-${var.region}") <= 64 ? "${name}-${var.region}"
    : "${substr(name, 0, local.name_limit)}-${substr(sha256(name), 0, 8)}-${var.region}")
  ]
  build_role_arns = [for name in local.role_names : "arn:${var.partition}:iam::${var.account_id}:role/${name}"]

  # The names of the function, its rules, its queue and its alarms, as the module handback spells them.
  handback_limit = 64 - length(var.region) - 1
  handback_whole = "${var.project}-handback"
  handback_cut   = "${substr(var.project, 0, local.handback_limit - 18)}-${substr(sha256(var.project), 0, 8)}-handback"
  handback_name  = length(local.handback_whole) <= local.handback_limit ? local.handback_whole : local.handback_cut
  way_home = {
    alarms    = "arn:${format(local.here, "cloudwatch")}:alarm:${local.handback_name}-*"
    function  = "arn:${format(local.here, "lambda")}:function:${local.handback_name}"
    log_group = "arn:${format(local.here, "logs")}:log-group:/aws/lambda/${local.handback_name}"
    queue     = "arn:${format(local.here, "sqs")}:${local.handback_name}-dead-letters"
    role      = "arn:${var.partition}:iam::${var.account_id}:role/${local.handback_name}-${var.region}"
    rules     = "arn:${format(local.here, "events")}:rule/${local.handback_name}-*"
  }
  handback = var.handback ? { this = local.way_home } : {}

  bucket_arn = "arn:${var.partition}:s3:::${var.artifact_store.bucket}"
  store_arn  = "${local.bucket_arn}/${var.artifact_store.prefix == "" ? "" : "${var.artifact_store.prefix}/"}"
  parameter_arns = [
    for name in sort(var.parameters) : "arn:${format(local.here, "ssm")}:parameter/${trimprefix(name, "/")}"
  ]

  # A path of their own keeps these names out of every pattern above: those have no slash in them.
  path       = "/orchestrator/"
  base_limit = 64 - length("-deploy")
  base_whole = "${var.project}-${var.region}"
  base_cut   = "${substr(var.project, 0, local.base_limit - length(var.region) - 10)}-${substr(sha256(var.project), 0, 8)}-${var.region}"
  base       = length(local.base_whole) <= local.base_limit ? local.base_whole : local.base_cut
  bound_arn  = "arn:${var.partition}:iam::${var.account_id}:policy${local.path}${local.base}-bound"
}

resource "aws_iam_role" "this" {
  for_each = merge(
    {
      apply = "Jobs of ${var.gitlab_project} that change the CodeBuild projects of ${var.project}"
      start = "Jobs of ${var.gitlab_project} that start and follow builds of ${var.project}"
    },
    { for role in keys(local.deploy) : role => "Jobs of ${var.gitlab_project} that deploy packages of ${var.project}" },
  )

  name                 = "${local.base}-${each.key}"
  assume_role_policy   = data.aws_iam_policy_document.trust[each.key].json
  description          = each.value
  max_session_duration = 3600
  path                 = local.path
  permissions_boundary = var.permissions_boundary_arn
  tags                 = var.tags
}

resource "aws_iam_role_policy" "apply" {
  name   = "apply"
  policy = data.aws_iam_policy_document.apply.json
  role   = aws_iam_role.this["apply"].id

  lifecycle {
    precondition {
      condition     = length(jsonencode(jsondecode(data.aws_iam_policy_document.apply.json))) <= 10240
      error_message = "The policy is longer than the 10,240 characters that IAM takes: name fewer builds, or a beginning that ends in `*`."
    }
  }
}

resource "aws_iam_role_policy" "start" {
  name   = "start"
  policy = data.aws_iam_policy_document.start.json
  role   = aws_iam_role.this["start"].id

  lifecycle {
    precondition {
      condition     = length(jsonencode(jsondecode(data.aws_iam_policy_document.start.json))) <= 10240
      error_message = "The policy is longer than the 10,240 characters that IAM takes: name fewer builds, or a beginning that ends in `*`."
    }
  }
}

resource "aws_iam_policy" "boundary" {
  name        = "${local.base}-bound"
  description = "The most that a role made by prebuild for ${var.project} can ever do"
  path        = local.path
  policy      = data.aws_iam_policy_document.boundary.json
  tags        = var.tags

  lifecycle {
    precondition {
      condition     = length(jsonencode(jsondecode(data.aws_iam_policy_document.boundary.json))) <= 6144
      error_message = "The boundary is longer than the 6,144 characters that IAM takes: name fewer builds, or a beginning that ends in `*`."
    }
  }
}
