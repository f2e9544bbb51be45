# The most that builds can do besides, where they are allowed a network, private images or a cache: what the policy `reach`
# of the module build-project gives, for all names of this project at once.

locals {
  ec2     = "arn:${format(local.here, "ec2")}"
  network = var.reach.network == null ? {} : { this = var.reach.network }
  pulled  = length(var.reach.image_repository_arns) > 0 ? { this = sort(var.reach.image_repository_arns) } : {}
  secrets = length(var.reach.registry_credential_arns) > 0 ? { this = sort(var.reach.registry_credential_arns) } : {}
  cached  = var.reach.cache ? { this = [for name in local.builds : "${local.store_arn}cache/${name}"] } : {}
  subnets = flatten([for one in values(local.network) : [for id in sort(one.subnets) : "${local.ec2}:subnet/${id}"]])
}

data "aws_iam_policy_document" "reach" {
  dynamic "statement" {
    for_each = local.pulled

    content {
      sid       = "PullImages"
      actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.pulled

    content {
      sid       = "LogInToRegistry"
      actions   = ["ecr:GetAuthorizationToken"]
      resources = ["*"]
    }
  }

  dynamic "statement" {
    for_each = local.secrets

    content {
      sid       = "ReadRegistryCredentials"
      actions   = ["secretsmanager:GetSecretValue"]
      resources = statement.value
    }
  }

  dynamic "statement" {
    for_each = local.cached

    content {
      sid       = "KeepCaches"
      actions   = ["s3:GetObject", "s3:PutObject"]
      resources = flatten([for arn in statement.value : [arn, "${arn}/*"]])
    }
  }

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
        local.subnets,
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
        values   = local.subnets
      }
    }
  }

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
        values   = local.subnets
      }
    }
  }
}
