"""Terraform's AWS provider against the emulator: apply, empty plan, update, destroy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from shared_provider import shared_provider

from orchestrator.emulator.aws.container.environment import aws_settings

_ROOT = """\
terraform {
  required_providers {
    aws = { source = "hashicorp/aws", version = "5.100.0" }
  }
}
provider "aws" {}
variable "limit" { type = number }
variable "image" { type = string }
resource "aws_s3_bucket" "store" {
  bucket = "terraform-store"
  lifecycle_rule {
    id      = "expire"
    enabled = true
    expiration { days = 30 }
  }
}
resource "aws_iam_role" "build" {
  name = "terraform-build"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = "sts:AssumeRole", Principal = { Service = "codebuild.amazonaws.com" } }]
  })
}
resource "aws_cloudwatch_log_group" "build" {
  name              = "/aws/codebuild/terraform-project"
  retention_in_days = 30
}
resource "aws_codebuild_project" "build" {
  name                   = "terraform-project"
  description            = "built by ${var.image}"
  service_role           = aws_iam_role.build.arn
  build_timeout          = 15
  queued_timeout         = 30
  concurrent_build_limit = var.limit == 0 ? null : var.limit
  project_visibility     = "PRIVATE"
  tags                   = { orchestrator-settings-digest = var.image }
  artifacts { type = "NO_ARTIFACTS" }
  cache { type = "NO_CACHE" }
  environment {
    type         = "ARM_CONTAINER"
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = var.image
    environment_variable {
      name  = "ORCHESTRATOR_BUCKET"
      value = aws_s3_bucket.store.id
    }
  }
  source {
    type      = "NO_SOURCE"
    buildspec = "version: 0.2\\nphases:\\n  build:\\n    commands:\\n      - echo built $ORCHESTRATOR_BUCKET\\n"
  }
  logs_config {
    cloudwatch_logs { group_name = aws_cloudwatch_log_group.build.name }
  }
}
resource "aws_codebuild_project" "from_s3" {
  name               = "terraform-from-s3"
  description        = var.limit == 0 ? "everything" : null
  service_role       = aws_iam_role.build.arn
  source_version     = "a-version"
  badge_enabled      = var.limit != 0
  encryption_key     = "arn:aws:kms:eu-central-1:123456789012:key/one"
  project_visibility = var.limit == 0 ? "PRIVATE" : "PUBLIC_READ"
  resource_access_role = var.limit == 0 ? null : aws_iam_role.build.arn
  tags               = var.limit == 0 ? { one = "1", two = "2" } : { two = "zwei", three = "" }
  artifacts {
    type                   = "S3"
    location               = aws_s3_bucket.store.id
    name                   = "out.zip"
    namespace_type         = "BUILD_ID"
    packaging              = "ZIP"
    path                   = "p"
    override_artifact_name = true
    encryption_disabled    = true
    bucket_owner_access    = "FULL"
  }
  secondary_artifacts {
    artifact_identifier = "extra"
    type                = "S3"
    location            = aws_s3_bucket.store.id
  }
  build_batch_config {
    service_role    = aws_iam_role.build.arn
    timeout_in_mins = 60
    restrictions {
      compute_types_allowed  = ["BUILD_GENERAL1_SMALL"]
      maximum_builds_allowed = 3
    }
  }
  cache {
    type  = var.limit == 0 ? "LOCAL" : "S3"
    modes = var.limit == 0 ? ["LOCAL_SOURCE_CACHE", "LOCAL_CUSTOM_CACHE"] : null
    location = var.limit == 0 ? null : "${aws_s3_bucket.store.id}/cache"
  }
  environment {
    type                        = "LINUX_CONTAINER"
    compute_type                = "BUILD_GENERAL1_SMALL"
    image                       = "aws/codebuild/standard:7.0"
    image_pull_credentials_type = "SERVICE_ROLE"
    privileged_mode             = true
    certificate                 = "${aws_s3_bucket.store.id}/cert.pem"
    dynamic "environment_variable" {
      for_each = { A = ["1", "PLAINTEXT"], B = ["/b", "PARAMETER_STORE"], C = ["s:k", "SECRETS_MANAGER"] }
      content {
        name  = environment_variable.key
        value = environment_variable.value[0]
        type  = environment_variable.value[1]
      }
    }
  }
  dynamic "file_system_locations" {
    for_each = var.limit == 0 ? ["fs-1.efs.eu-central-1.amazonaws.com:/"] : []
    content {
      identifier    = "efs"
      location      = file_system_locations.value
      mount_point   = "/mnt/efs"
      mount_options = "nfsvers=4.1"
      type          = "EFS"
    }
  }
  logs_config {
    cloudwatch_logs {
      status      = var.limit == 0 ? "ENABLED" : "DISABLED"
      group_name  = "g"
      stream_name = "s"
    }
    s3_logs {
      status              = "ENABLED"
      location            = "${aws_s3_bucket.store.id}/logs"
      encryption_disabled = true
      bucket_owner_access = "NONE"
    }
  }
  source {
    type                = "S3"
    location            = "${aws_s3_bucket.store.id}/source.zip"
    buildspec           = "ci/buildspec.yml"
  }
  secondary_sources {
    source_identifier = "more"
    type              = "S3"
    location          = "${aws_s3_bucket.store.id}/more.zip"
  }
  secondary_source_version {
    source_identifier = "more"
    source_version    = "v1"
  }
  dynamic "vpc_config" {
    for_each = var.limit == 0 ? ["vpc-1"] : []
    content {
      vpc_id             = vpc_config.value
      subnets            = ["subnet-1", "subnet-2"]
      security_group_ids = ["sg-1"]
    }
  }
}
"""


def _mirror() -> Path | None:
    """Return a provider mirror of this machine: the one that is named, or one in the usual places."""
    named = os.environ.get("ORCHESTRATOR_PROVIDER_MIRROR")
    if named:
        return Path(named)
    roots = (Path("/opt"), Path("/usr/share"), Path("/usr/local/share"))
    found = (path.parent for root in roots for path in root.glob("*/registry.terraform.io"))
    return next(found, None)


@pytest.fixture
def terraform(aws: Any, tmp_path: Path) -> Iterator[Callable[..., None]]:
    """Give a function that runs Terraform on the root above, initialised, with variables, and wants exit code 0."""
    binary = shutil.which("terraform") or shutil.which("tofu")
    assert binary, "neither `terraform` nor `tofu` is on PATH"
    (tmp_path / "main.tf").write_text(_ROOT)
    config = tmp_path / "cli.tfrc"
    mirror = _mirror()
    config.write_text(
        f'provider_installation {{\n  filesystem_mirror {{\n    path = "{mirror}"\n  }}\n}}\n' if mirror else ""
    )
    environment = {
        **aws_settings(aws.server.url, "eu-central-1"),
        "PATH": os.environ["PATH"], "HOME": str(tmp_path), "TF_CLI_CONFIG_FILE": str(config), "TF_IN_AUTOMATION": "1",
    }  # fmt: skip

    def run(*arguments: str, limit: int = 0, image: str = "one") -> None:
        variables = {"TF_VAR_limit": str(limit), "TF_VAR_image": image}
        done = subprocess.run(
            [binary, *arguments, "-no-color", "-input=false"],
            cwd=tmp_path, env=environment | variables, capture_output=True, text=True, timeout=120, check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr

    run("init")
    with shared_provider(tmp_path, environment) as variables:
        environment |= variables
        yield run


def test_terraform_goes_the_whole_way(terraform: Callable[..., None], aws: Any) -> None:
    """Apply, plan nothing, update in place, plan nothing, build, destroy."""
    client = aws.client("codebuild")

    def project() -> dict[str, Any]:
        found: dict[str, Any] = client.batch_get_projects(names=["terraform-project"])["projects"][0]
        return found

    terraform("apply", "-auto-approve")
    terraform("plan", "-detailed-exitcode")
    created = project()["created"]
    terraform("apply", "-auto-approve", limit=2, image="two")
    terraform("plan", "-detailed-exitcode", limit=2, image="two")
    updated = project()
    assert (updated["created"], updated["concurrentBuildLimit"], updated["environment"]["image"]) == (created, 2, "two")
    build = aws.finished(client.start_build(projectName="terraform-project")["build"]["id"])
    assert aws.output(build) == ["built terraform-store"]
    terraform("apply", "-auto-approve")
    terraform("plan", "-detailed-exitcode")
    assert "concurrentBuildLimit" not in project()
    terraform("destroy", "-auto-approve")
    assert client.batch_get_projects(names=["terraform-project", "terraform-from-s3"])["projects"] == []
