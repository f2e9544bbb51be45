"""The folder that Terraform works in, and what it is given there."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from world import make

from orchestrator.effects.infrastructure import TerraformInfrastructure
from orchestrator.effects.terraform_errors import role_unknown
from orchestrator.effects.terraform_plan import Problem
from orchestrator.errors import ConfigurationError, OrchestratorError, Refused
from orchestrator.plan.model import RenderedRoot, StatePlan
from orchestrator.vocabulary import StateBackend

# Terraform as far as this needs it: notes what it finds, keeps a plan, gives an output.
TERRAFORM = """#!/bin/sh
case "$1" in
  version) echo "${SAID:-Terraform v1.11.4}"; exit 0;;
esac
ls -A > "$SEEN/files-$1"
cat terraform.tfvars.json backend.tfbackend.json > "$SEEN/text-$1" 2>/dev/null
env | grep '^TF_HTTP_' | sort > "$SEEN/env-$1"
echo "$@" > "$SEEN/argv-$1"
[ "$1" = "$FAIL" ] && exit 1
for argument in "$@"; do case "$argument" in -out=*) echo secret > "${argument#-out=}"; changed=2;; esac; done
[ "$1" = output ] && echo '{"build_projects": {"value": {"demo-parser": {"bucket": "b"}}, "sensitive": false}}'
exit ${changed:-0}
"""


class Site:
    """A work folder with a Terraform that tells what it has seen."""

    def __init__(self, tmp_path: Path) -> None:
        self.seen = tmp_path / "seen"
        self.folder = tmp_path / "with space ü" / ".orchestrator" / "terraform"
        for folder in (self.seen, tmp_path / "bin", tmp_path / "mirror" / "registry.terraform.io"):
            folder.mkdir(parents=True)
        program = tmp_path / "bin" / "terraform"
        program.write_text(TERRAFORM)
        program.chmod(program.stat().st_mode | stat.S_IXUSR)
        self.environment: dict[str, str] = {
            "PATH": f"{tmp_path / 'bin'}:{os.environ['PATH']}",
            "HOME": str(tmp_path),
            "SEEN": str(self.seen),
            "ORCHESTRATOR_PROVIDER_MIRROR": str(tmp_path / "mirror"),
        }

    def apply(self, root: RenderedRoot, **environment: str) -> Mapping[str, Any]:
        """Apply a root."""
        told = {**self.environment, **environment}
        return TerraformInfrastructure(self.folder, told, lambda line: None).apply(root)

    def text(self, name: str) -> str:
        """Return what Terraform has noted."""
        return (self.seen / name).read_text()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """Return an empty work folder, whose path holds a space and a letter that is not ASCII."""
    return Site(tmp_path)


def root(state: StatePlan | None = None, **files: str) -> RenderedRoot:
    """Return a small root."""
    return RenderedRoot(
        files={"main.tf": "", "modules/a/main.tf": "", "terraform.tfvars.json": '{"a": 1}', **files},
        settings_digest="d",
        state=state or make().state,
    )


@pytest.mark.parametrize(
    ("text", "waited"),
    [
        (
            "InvalidInputException: CodeBuild is not authorized to perform: sts:AssumeRole on arn:aws:iam::1:role/r",
            True,
        ),
        ("InvalidInputException: Not authorized to perform DescribeSecurityGroups", True),
        ("AccessDenied: User: arn:aws:iam::1:user/u is not authorized to perform: sts:AssumeRole on r", False),
        ("AccessDenied: not authorized to perform: codebuild:CreateProject", False),
        ("InvalidInputException: Invalid image", False),
    ],
)
def test_only_a_role_that_spreads_is_waited_for(text: str, waited: bool) -> None:
    """Terraform goes on for what IAM's delay looks like; with anything else beside it, the apply has failed."""
    said = Problem("creating CodeBuild Project", text, "module.build.aws_codebuild_project.this")
    assert role_unknown([said]) is waited
    assert not role_unknown([said, Problem("creating S3 Bucket", "BucketAlreadyExists", "aws_s3_bucket.this")])
    assert not role_unknown([])


def test_the_root_is_applied_and_its_outputs_come_back(site: Site) -> None:
    """Terraform gets the files and the settings of the backend as JSON, and its outputs are returned."""
    assert site.apply(root()) == {"build_projects": {"demo-parser": {"bucket": "b"}}}
    assert json.loads(site.text("text-plan").partition("}")[0] + "}") == {"a": 1}
    assert "terraform.tfstate" in site.text("text-init")


def test_files_that_are_no_text_lie_beside_the_root(site: Site) -> None:
    """The zip of the function is there, byte for byte, when Terraform begins."""
    told = {"handback.zip": b"PK\x00\xff"}
    TerraformInfrastructure(site.folder, site.environment, lambda line: None, told).apply(root())
    assert (site.folder / "handback.zip").read_bytes() == b"PK\x00\xff"
    assert "handback.zip" in site.text("files-init")


@pytest.mark.parametrize("fail", ["", "plan", "apply", "output"])
def test_no_plan_is_left_behind(site: Site, fail: str) -> None:
    """A saved plan holds everything that Terraform knows: it is removed, however the apply ends."""
    try:
        site.apply(root(), FAIL=fail)
    except OrchestratorError:
        assert fail
    assert list(site.folder.glob("*.plan")) == []


@pytest.mark.parametrize(
    "name",
    ["old.tf", "old.tf.json", "old.tofu", "x.auto.tfvars", "x.auto.tfvars.json", "terraform.tfvars", "modules/b/x.tf"],
)
def test_terraform_reads_nothing_that_is_not_ours(site: Site, name: str) -> None:
    """A file that somebody has put into the folder, or an older version has left, is gone before Terraform runs."""
    path = site.folder / name
    path.parent.mkdir(parents=True)
    path.write_text("owned")
    site.apply(root())
    assert not path.exists()
    assert (site.folder / "main.tf").exists()


@pytest.mark.parametrize(
    "name", [".terraform/providers/x", ".terraform.lock.hcl", "errored.tfstate", "a.tfstate.backup"]
)
def test_what_must_not_be_lost_stays(site: Site, name: str) -> None:
    """Providers stay for the next time, and a state that Terraform could not store stays in any case."""
    path = site.folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("keep")
    site.apply(root())
    assert path.read_text() == "keep"


def test_links_in_the_folder_are_removed_not_followed(site: Site, tmp_path: Path) -> None:
    """A link in the work folder costs nothing that lies behind it."""
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "file").write_text("keep")
    site.folder.mkdir(parents=True)
    (site.folder / "modules").symlink_to(tmp_path / "mine")
    site.apply(root())
    assert [path.name for path in (tmp_path / "mine").iterdir()] == ["file"]


@pytest.mark.parametrize("depth", [0, 1])
def test_a_work_folder_that_is_a_link_is_refused(site: Site, tmp_path: Path, depth: int) -> None:
    """A link in the place of the work folder, as a commit can bring one, empties no other folder."""
    victim = tmp_path / "victim"
    (victim / "terraform").mkdir(parents=True)
    (victim / "terraform" / "file.tf").write_text("keep")
    link = (site.folder, site.folder.parent)[depth]
    link.parent.mkdir(parents=True)
    link.symlink_to(victim / "terraform" if depth == 0 else victim)
    with pytest.raises(Refused):
        site.apply(root())
    assert (victim / "terraform" / "file.tf").read_text() == "keep"


def test_a_place_where_nothing_can_be_written(site: Site) -> None:
    """A file in the place of the work folder is told, and ends with 2."""
    site.folder.parent.parent.mkdir(parents=True)
    site.folder.parent.write_text("")
    with pytest.raises(ConfigurationError, match="cannot write"):
        site.apply(root())


GITLAB = replace(make().state, backend=StateBackend.GITLAB, settings={"address": "https://x/state"})


@pytest.mark.parametrize(
    ("tokens", "user"),
    [
        ({"CI_JOB_TOKEN": "canary-job"}, "gitlab-ci-token"),
        ({"GITLAB_TOKEN": "canary-user"}, "oauth2"),
        ({"ORCHESTRATOR_GITLAB_TOKEN": "canary-own", "CI_JOB_TOKEN": "other"}, "oauth2"),
    ],
)
def test_the_token_of_the_state_is_in_no_file_and_no_argument(site: Site, tokens: dict[str, str], user: str) -> None:
    """GitLab's state gets its token through the environment alone."""
    site.apply(root(GITLAB), **tokens)
    assert f"TF_HTTP_USERNAME={user}" in site.text("env-init")
    assert "TF_HTTP_PASSWORD=canary" in site.text("env-apply")
    for path in (*site.folder.rglob("*"), *site.seen.glob("argv-*"), *site.seen.glob("text-*")):
        assert not path.is_file() or "canary" not in path.read_text()


def test_without_a_token_the_state_is_not_asked_for(site: Site) -> None:
    """A missing token is told before Terraform runs."""
    with pytest.raises(ConfigurationError, match="no token"):
        site.apply(root(GITLAB))
    assert list(site.seen.iterdir()) == []


@pytest.mark.parametrize(
    ("said", "lock", "refused"),
    [
        ("Terraform v1.9.8", True, True),
        ("OpenTofu v1.9.1", True, True),
        ("Terraform v1.9.8", False, False),
        ("Terraform v1.10.0", True, False),
        ("OpenTofu v1.10.0", True, False),
    ],
)
def test_a_terraform_that_cannot_lock_is_told_from_one_that_can(
    site: Site, said: str, lock: bool, refused: bool
) -> None:
    """Before 1.10 a state in S3 cannot be locked: that is said at once, with both ways out, and not by Terraform."""
    state = replace(make().state, backend=StateBackend.S3, settings={"bucket": "states", "use_lockfile": lock})
    if not refused:
        assert site.apply(root(state), SAID=said)
        return
    with pytest.raises(ConfigurationError, match="cannot lock") as caught:
        site.apply(root(state), SAID=said)
    assert said.split(" v")[1] in caught.value.detail
    assert "use_lockfile: false" in caught.value.hint
    assert not (site.seen / "argv-init").exists()
