# What the projects of one account and region share. `orchestrator platform apply` applies this; no pipeline does.
# All values come in through `terraform.tfvars.json`.

provider "aws" {
  region = var.region

  default_tags {
    # Says whose a thing is that several regions of the account can see.
    tags = merge(var.tags, { orchestrator-platform = var.region })
  }
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  account_id = data.aws_caller_identity.current.account_id
  partition  = data.aws_partition.current.partition

  # What is published, by the same words as the names that it is published under.
  values = {
    audience          = module.gitlab_oidc.gitlab_oidc.audience
    bucket            = module.artifact_store.bucket
    gitlab_url        = var.gitlab.url
    key_arn           = aws_kms_key.this.arn
    oidc_provider_arn = module.gitlab_oidc.gitlab_oidc.provider_arn
    state_bucket      = module.state_bucket.bucket
    version           = var.published.version
  }
  project_values = {
    for name, project in var.projects : name => {
      apply_arn                = module.gitlab_oidc.gitlab_oidc.projects[name].apply_role_arn
      deploy_arn               = module.gitlab_oidc.gitlab_oidc.projects[name].deploy_role_arn
      functions_boundary_arn   = module.gitlab_oidc.gitlab_oidc.projects[name].functions_boundary_arn
      gitlab_project           = project.gitlab_project
      permissions_boundary_arn = module.gitlab_oidc.gitlab_oidc.projects[name].permissions_boundary_arn
      start_arn                = module.gitlab_oidc.gitlab_oidc.projects[name].start_role_arn
    }
  }
  published = merge(
    { for word, name in var.published.names : name => local.values[word] },
    [for project, names in var.published.projects : { for word, name in names : name => local.project_values[project][word] }]...
  )
}

# Packages of all projects: what is in the bucket can be read by nobody who may not use this key as well.
resource "aws_kms_key" "this" {
  description             = "Packages and snapshots of codebuild-orchestrator in ${var.region}"
  deletion_window_in_days = 7
  enable_key_rotation     = true
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_kms_alias" "this" {
  name          = "alias/orchestrator-platform"
  target_key_id = aws_kms_key.this.key_id
}

# In a key policy the principal `root` means: who in this account may do it is decided by IAM (KMS docs: default key policy).
data "aws_iam_policy_document" "key" {
  #checkov:skip=CKV_AWS_109:in the policy of a key the resource `*` is that key
  #checkov:skip=CKV_AWS_111:in the policy of a key the resource `*` is that key
  #checkov:skip=CKV_AWS_356:in the policy of a key the resource `*` is that key
  statement {
    sid = "KeptByThisAccount"
    actions = [
      "kms:CancelKeyDeletion", "kms:CreateAlias", "kms:DeleteAlias", "kms:DescribeKey", "kms:DisableKey",
      "kms:DisableKeyRotation", "kms:EnableKey", "kms:EnableKeyRotation", "kms:GetKeyPolicy", "kms:GetKeyRotationStatus",
      "kms:ListAliases", "kms:ListGrants", "kms:ListKeyPolicies", "kms:ListResourceTags", "kms:PutKeyPolicy",
      "kms:RevokeGrant", "kms:ScheduleKeyDeletion", "kms:TagResource", "kms:UntagResource", "kms:UpdateAlias",
      "kms:UpdateKeyDescription",
    ]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }
  }

  # Nobody decrypts with it directly: S3 and the Parameter Store do, for those whom they let read, and say what it is.
  statement {
    sid       = "UsedThroughS3AndParameters"
    actions   = ["kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey"]
    resources = ["*"]

    principals {
      type        = "AWS"
      identifiers = ["arn:${local.partition}:iam::${local.account_id}:root"]
    }

    condition {
      test     = "StringEquals"
      variable = "kms:ViaService"
      values   = ["s3.${var.region}.amazonaws.com", "ssm.${var.region}.amazonaws.com"]
    }
  }
}

module "artifact_store" {
  source = "../modules/artifact-store"

  account_id     = local.account_id
  bucket         = var.artifact_store.bucket
  kms_key_arn    = aws_kms_key.this.arn
  partition      = local.partition
  prefixes       = keys(var.projects)
  region         = var.region
  retention_days = var.artifact_store.retention_days
}

# The states of the projects, and of this root itself. Encrypted with `aws/s3`: the last thing that is written here says that
# the key above is gone.
module "state_bucket" {
  source = "../modules/artifact-store"

  account_id     = local.account_id
  bucket         = var.state.bucket
  partition      = local.partition
  prefixes       = []
  region         = var.region
  retention_days = var.state.retention_days
}

module "gitlab_oidc" {
  source = "../modules/gitlab-oidc"

  account_id = local.account_id
  artifact_store = {
    bucket      = module.artifact_store.bucket
    kms_key_arn = aws_kms_key.this.arn
  }
  audience                 = var.gitlab.audience
  gitlab_url               = coalesce(var.gitlab.issuer, var.gitlab.url)
  partition                = local.partition
  permissions_boundary_arn = var.permissions_boundary_arn
  projects                 = var.projects
  provider_managed         = var.gitlab.provider_managed
  region                   = var.region
  state_bucket             = module.state_bucket.bucket
}

# Where projects find all of this without being told. Names and ARNs only, no secret.
resource "aws_ssm_parameter" "this" {
  for_each = local.published

  #checkov:skip=CKV2_AWS_34:names and ARNs are no secret, and whoever onboards a project reads them without the key
  #checkov:skip=CKV_AWS_337:names and ARNs are no secret, and whoever onboards a project reads them without the key
  name           = each.key
  insecure_value = each.value
  type           = "String"
}
