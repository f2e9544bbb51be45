# What a build may do besides, and only where it is asked for: join a network, pull an image from a private registry, keep a
# cache. A policy of its own, so that the one in iam.tf stays the same for everybody.

locals {
  ecr = try(regex("^(?P<account>[0-9]{12})\\.dkr\\.ecr(?:-fips)?\\.(?P<region>[a-z0-9-]+)\\.amazonaws\\.com(?:\\.cn)?/(?P<name>[^:@]+)", var.environment.image), null)

  image_repository = local.ecr == null ? {} : {
    this = "arn:${var.partition}:ecr:${local.ecr.region}:${local.ecr.account}:repository/${local.ecr.name}"
  }
  credential = var.environment.registry_credential_arn == null ? {} : { this = var.environment.registry_credential_arn }
  network    = var.vpc == null ? {} : { this = var.vpc }
  stored     = try(var.cache.type, "") == "S3" ? { this = "${local.store_root}cache/${var.name}" } : {}
  reaches    = length(merge(local.image_repository, local.credential, local.network, local.stored)) > 0 ? { this = var.name } : {}

  # CodeBuild itself pulls its own images and public ones; whatever needs permission is pulled as the role of the build.
  pulled_by = length(merge(local.image_repository, local.credential)) > 0 ? "SERVICE_ROLE" : "CODEBUILD"
  on_lambda = endswith(var.environment.type, "_LAMBDA_CONTAINER")

  ec2 = "arn:${var.partition}:ec2:${var.region}:${var.account_id}"
}

data "aws_iam_policy_document" "reach" {
  for_each = local.reaches

  dynamic "statement" {
    for_each = local.image_repository

    content {
      sid       = "PullImage"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = [statement.value]
    }
  }

  # The token that this gives opens what the statement above names; the action itself takes no resource.
  dynamic "statement" {
    for_each = local.image_repository

    content {
      sid       = "LogInToRegistry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.credential

    content {
      sid       = "ReadRegistryCredential"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = [statement.value]
    }
  }

  # CodeBuild writes the cache beside the build, so nothing is known of `codebuild:projectArn` there (docs/adr/0013-roles.md).
  dynamic "statement" {
    for_each = local.stored

    content {
      sid       = "KeepOwnCache"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = ["${local.bucket_arn}/${statement.value}", "${local.bucket_arn}/${statement.value}/*"]

      condition {
        test     = "StringEquals"
        variable = "aws:ResourceAccount"
        values   = [var.account_id]
      }
    }
  }

  # These take no resource (AWS service authorization reference: EC2).
  dynamic "statement" {
    for_each = local.network

    content {
      sid = "LookAtNetwork"
      actions = [
        "ec2:DescribeDhcpOptions", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSecurityGroups", "ec2:DescribeSubnets",
        "ec2:DescribeVpcs"
      ]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.network

    content {
      sid     = "JoinNetwork"
      actions = ["ec2:CreateNetworkInterface"]
      resources = concat(
        ["${local.ec2}:network-interface/*"],
        [for id in sort(statement.value.subnets) : "${local.ec2}:subnet/${id}"],
        [for id in sort(statement.value.security_groups) : "${local.ec2}:security-group/${id}"],
      )
    }
  }

  dynamic "statement" {
    for_each = local.network

    content {
      sid       = "LeaveNetwork"
      actions   = ["ec2:DeleteNetworkInterface"]
      resources = ["${local.ec2}:network-interface/*"]

      condition {
        test     = "ArnEquals"
        variable = "ec2:Subnet"
        values   = [for id in sort(statement.value.subnets) : "${local.ec2}:subnet/${id}"]
      }
    }
  }

  # CodeBuild user guide: the service may use an interface in these subnets, and no other service may.
  dynamic "statement" {
    for_each = local.network

    content {
      sid       = "LendNetworkToCodeBuild"
      actions   = ["ec2:CreateNetworkInterfacePermission"]
      resources = ["${local.ec2}:network-interface/*"]

      condition {
        test     = "StringEquals"
        variable = "ec2:AuthorizedService"
        values   = ["codebuild.amazonaws.com"]
      }

      condition {
        test     = "ArnEquals"
        variable = "ec2:Subnet"
        values   = [for id in sort(statement.value.subnets) : "${local.ec2}:subnet/${id}"]
      }
    }
  }
}

resource "aws_iam_role_policy" "reach" {
  for_each = data.aws_iam_policy_document.reach

  name   = "reach"
  policy = each.value.json
  role   = aws_iam_role.this.id
}
