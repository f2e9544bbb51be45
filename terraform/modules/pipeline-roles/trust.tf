# Who may take the roles: jobs of one project on the listed refs. GitLab's `sub` names project, type and name of the ref
# (docs.gitlab.com: ID token authentication); whether the ref is protected, and the environment, are not in it.

locals {
  issuer   = regex("oidc-provider/(.+)$", var.oidc_provider_arn)[0]
  audience = coalesce(var.audience, "https://${local.issuer}")
  subjects = {
    for role, refs in merge(var.refs, { for role, one in local.deploy : role => one.refs }) : role => sort([
      for ref in refs : "project_path:${var.gitlab_project}:ref_type:${ref.type}:ref:${ref.name}"
    ])
  }
}

data "aws_iam_policy_document" "trust" {
  for_each = local.subjects

  statement {
    sid     = "AssumedByJobsOfTheseRefsOnly"
    actions = ["sts:AssumeRoleWithWebIdentity"]

    principals {
      type        = "Federated"
      identifiers = [var.oidc_provider_arn]
    }

    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = [local.audience]
    }

    # Without `*` and `?`, which git allows in no ref, StringLike would be the same; it is said only where it is meant.
    condition {
      test     = length(regexall("[*?]", join("", each.value))) > 0 ? "StringLike" : "StringEquals"
      variable = "${local.issuer}:sub"
      values   = each.value
    }
  }
}
