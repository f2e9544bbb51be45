"""Terraform's AWS provider against the emulator: apply, empty plan, update, destroy."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

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
  name         = "terraform-from-s3"
  service_role = aws_iam_role.build.arn
  artifacts {
    type      = "S3"
    location  = aws_s3_bucket.store.id
    packaging = "ZIP"
  }
  environment {
    type         = "LINUX_CONTAINER"
    compute_type = "BUILD_GENERAL1_SMALL"
    image        = "aws/codebuild/standard:7.0"
  }
  source {
    type     = "S3"
    location = "${aws_s3_bucket.store.id}/source.zip"
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
def terraform(aws: Any, tmp_path: Path) -> Callable[..., None]:
    """Return a function that runs Terraform on the root above, with variables, and wants exit code 0."""
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

    return run


def test_terraform_goes_the_whole_way(terraform: Callable[..., None], aws: Any) -> None:
    """Apply, plan nothing, update in place, plan nothing, build, destroy."""
    client = aws.client("codebuild")

    def project() -> dict[str, Any]:
        found: dict[str, Any] = client.batch_get_projects(names=["terraform-project"])["projects"][0]
        return found

    terraform("init")
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
    assert "concurrentBuildLimit" not in project()
    terraform("destroy", "-auto-approve")
    assert client.batch_get_projects(names=["terraform-project", "terraform-from-s3"])["projects"] == []
