# One root for every project: nothing in these files is generated but the type of the backend (backend.tf.j2).
# All values come in through `terraform.tfvars.json`.

provider "aws" {
  region = var.region
}

data "aws_caller_identity" "current" {}

data "aws_partition" "current" {}

module "artifact_store" {
  source = "./modules/artifact-store"

  account_id     = data.aws_caller_identity.current.account_id
  bucket         = var.artifact_store.bucket
  managed        = var.artifact_store.managed
  name           = var.artifact_store.name
  partition      = data.aws_partition.current.partition
  prefix         = var.artifact_store.prefix
  region         = var.region
  retention_days = var.artifact_store.retention_days
  tags           = var.tags
}

module "build_project" {
  for_each = var.builds
  source   = "./modules/build-project"

  account_id = data.aws_caller_identity.current.account_id
  artifact_store = {
    bucket = module.artifact_store.bucket
    prefix = var.artifact_store.prefix
  }
  build_timeout_minutes  = each.value.build_timeout_minutes
  buildspec              = each.value.buildspec
  concurrent_build_limit = each.value.concurrent_build_limit
  description            = each.value.description
  editor                 = var.editor
  environment = {
    architecture = each.value.architecture
    compute_type = each.value.compute_type
    image        = each.value.image
    type         = each.value.environment_type
  }
  log_retention_days     = each.value.log_retention_days
  name                   = each.key
  parameters             = each.value.parameters
  partition              = data.aws_partition.current.partition
  queued_timeout_minutes = each.value.queued_timeout_minutes
  region                 = var.region
  settings_digest        = each.value.settings_digest
  variables              = each.value.variables
  tags                   = var.tags
}
