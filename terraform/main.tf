# One root for every project: nothing in these files is generated but the type of the backend (backend.tf.j2).
# All values come in through `terraform.tfvars.json`.

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

locals {
  handback = var.handback == null || length(var.builds) == 0 ? {} : { this = var.handback }

  # A project comes after all that brings its builds home: its tag with the digest of the settings says that they are applied.
  project_names = merge({ for name in keys(var.builds) : name => name }, values(module.handback)[*].projects...)
}

module "artifact_store" {
  source = "./modules/artifact-store"

  account_id     = data.aws_caller_identity.current.account_id
  bucket         = var.artifact_store.bucket
  kms_key_arn    = var.artifact_store.kms_key_arn
  managed        = var.artifact_store.managed
  name           = var.artifact_store.name
  partition      = data.aws_partition.current.partition
  prefixes       = [var.artifact_store.prefix]
  region         = var.region
  retention_days = var.artifact_store.retention_days
  tags           = var.tags
}

# One function for all builds, where the results are brought home by events; nothing otherwise.
module "handback" {
  for_each = local.handback
  source   = "./modules/handback"

  account_id      = data.aws_caller_identity.current.account_id
  alarm_topic_arn = each.value.alarm_topic_arn
  artifact_store = {
    bucket      = module.artifact_store.bucket
    kms_key_arn = var.artifact_store.kms_key_arn
    prefix      = var.artifact_store.prefix
  }
  code = {
    file   = "${path.root}/${each.value.code.file}"
    sha256 = each.value.code.sha256
  }
  gitlab                   = each.value.gitlab
  kms_key_arns             = each.value.kms_key_arns
  log_retention_days       = each.value.log_retention_days
  name                     = var.artifact_store.name
  partition                = data.aws_partition.current.partition
  permissions_boundary_arn = var.permissions_boundary_arn
  projects                 = keys(var.builds)
  region                   = var.region
  reserved_concurrency     = each.value.reserved_concurrency
  timeout_seconds          = each.value.timeout_seconds
  tags                     = var.tags
}

module "build_project" {
  for_each = var.builds
  source   = "./modules/build-project"

  account_id = data.aws_caller_identity.current.account_id
  artifact_store = {
    bucket      = module.artifact_store.bucket
    kms_key_arn = var.artifact_store.kms_key_arn
    prefix      = var.artifact_store.prefix
  }
  build_timeout_minutes  = each.value.build_timeout_minutes
  buildspec              = each.value.buildspec
  cache                  = each.value.cache
  concurrent_build_limit = each.value.concurrent_build_limit
  description            = each.value.description
  editor                 = var.editor
  environment = {
    architecture            = each.value.architecture
    compute_type            = each.value.compute_type
    fleet_arn               = each.value.fleet_arn
    image                   = each.value.image
    privileged              = each.value.privileged
    registry_credential_arn = each.value.registry_credential_arn
    type                    = each.value.environment_type
  }
  log_retention_days       = each.value.log_retention_days
  name                     = local.project_names[each.key]
  parameters               = each.value.parameters
  partition                = data.aws_partition.current.partition
  permissions_boundary_arn = var.permissions_boundary_arn
  queued_timeout_minutes   = each.value.queued_timeout_minutes
  region                   = var.region
  settings_digest          = each.value.settings_digest
  variables                = each.value.variables
  vpc                      = each.value.vpc
  tags                     = var.tags
}
