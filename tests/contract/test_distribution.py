"""The wheel, away from the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a wheel built from the checkout."""
    folder = tmp_path_factory.mktemp("dist")
    subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(folder), str(ROOT)],
        check=True,
        timeout=300,
    )
    return next(folder.glob("*.whl"))


def test_the_wheel_carries_its_folders(wheel: Path) -> None:
    """Terraform modules, buildspec, component and examples travel in the wheel."""
    names = zipfile.ZipFile(wheel).namelist()
    for wanted in (
        "terraform/main.tf",
        "terraform/backend.tf.j2",
        "terraform/modules/build-project/main.tf",
        "terraform/modules/gitlab-oidc/main.tf",
        "terraform/platform/main.tf",
        "buildspecs/python.yml.j2",
        "templates/codebuild.yml",
        "examples/lxml-function/orchestrator.yml",
    ):
        assert f"orchestrator/_bundled/{wanted}" in names
    assert not [name for name in names if ".terraform/" in name or "tfstate" in name or "__pycache__" in name]


def test_the_wheel_plans_and_renders_outside_of_the_checkout(wheel: Path, tmp_path: Path) -> None:
    """An installed wheel renders the same Terraform root as the checkout."""
    site = tmp_path / "site"
    zipfile.ZipFile(wheel).extractall(site)
    project = tmp_path / "project"
    project.mkdir()
    (project / "orchestrator.yml").write_text("project: demo\nregion: eu-central-1\npackages: {parser: {}}\n")

    def render(path: str) -> str:
        outcome = subprocess.run(
            [sys.executable, "-P" if sys.version_info >= (3, 11) else "-s", "-m", "orchestrator", "render"],
            cwd=project,
            env={"PATH": os.environ["PATH"], "PYTHONPATH": path},
            capture_output=True,
            text=True,
            check=False,
        )
        assert outcome.returncode == 0, outcome.stderr
        return outcome.stderr

    assert render(str(site)) == render(str(ROOT))
