"""The component in another implementation of GitLab CI (`gitlab-ci-local` from npm), against the emulator."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import time
import zipfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Shop, open_shop

from orchestrator import resources
from orchestrator.emulator import control

pytestmark = pytest.mark.e2e

ROOT = Path(__file__).parents[2]
PIPELINE = """
stages: [prebuild, build, postbuild, test]
include:
  - local: templates/{file}
{inputs}
check:
  stage: test
  rules:
    - if: $CI_PIPELINE_SOURCE == "trigger"
  needs: [postbuild]
  script:
    - test "$(sha256sum < service/package.zip | cut -d ' ' -f 1)" = "$ORCHESTRATOR_PACKAGE_SHA256"
"""
FLAVOURS = {
    "component": ("codebuild.yml", "    inputs:\n      directory: service\n"),
    "plain": ("plain.gitlab-ci.yml", "variables:\n  ORCHESTRATOR_DIRECTORY: service\n"),
}


def command() -> str:
    """Return the program, which CI must have; elsewhere the test says that it was left out."""
    found = shutil.which("gitlab-ci-local")
    if found is None and not os.environ.get("CI"):
        pytest.skip("gitlab-ci-local is not installed (npm install gitlab-ci-local)")
    assert found, "CI must install gitlab-ci-local"
    return found


def run_jobs(shop: Shop, *jobs: str, **variables: str) -> str:
    """Run jobs in the second implementation; return what they printed."""
    environment = {
        **shop.environment,
        # The runner of these jobs: the project's id and server, and the programs it has.
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    }
    known = {
        name: value
        for name, value in shop.environment.items()
        if name.startswith(("AWS_", "CI_", "ORCHESTRATOR_", "PIP_", "SSL_"))
    }
    known |= {"CI_PROJECT_ID": str(shop.project.id), "HOME": str(_home(shop)), **variables}
    arguments = [part for name, value in known.items() for part in ("--variable", f"{name}={value}")]
    outcome = subprocess.run(
        [command(), "--force-shell-executor", "--home", str(shop.folder.parent), *arguments, *jobs],
        cwd=shop.folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert outcome.returncode == 0, outcome.stdout[:9000] + outcome.stderr[-2000:]
    return outcome.stdout + outcome.stderr


def _triggered(shop: Shop) -> str:
    """Return the id of the pipeline that the build has started, once it is there."""
    for _ in range(240):
        for pipeline in shop.project.pipelines.list(get_all=True):
            if pipeline.source == "trigger":
                return str(pipeline.id)
        time.sleep(0.5)
    raise AssertionError("the build has started no pipeline")


def _home(shop: Shop) -> Path:
    """Return a home for the jobs, in which the address that this implementation wants is that of the checkout."""
    home = shop.folder.parent / "home"
    home.mkdir(exist_ok=True)
    origin = subprocess.run(
        ["git", "remote", "get-url", "origin"], cwd=shop.folder, capture_output=True, text=True, check=True
    ).stdout.strip()
    (home / ".gitconfig").write_text(f'[url "file://{shop.folder}"]\n\tinsteadOf = {origin}\n')
    return home


@pytest.mark.parametrize("flavour", list(FLAVOURS))
def test_the_jobs_run_elsewhere_too(alone: Shop, flavour: str) -> None:
    """prebuild, build and postbuild of component and plain file close the loop where somebody else reads the YAML."""
    shop = alone
    file, inputs = FLAVOURS[flavour]
    text = (resources.folder("templates") / file).read_text(encoding="utf-8")
    files = shop.files()
    moved = {f"service/{name}": files.pop(name) for name in ("orchestrator.yml", "src/handler.py")}
    files[".gitignore"] += "service/.orchestrator/\nservice/package.zip\nservice/manifest.json\n.gitlab-ci-local/\n"
    shop.git("rm", "--quiet", "-r", "orchestrator.yml", "src")
    shop.git("remote", "add", "origin", "https://gitlab.example.com/group/service.git")
    # The emulator's GitLab has the project for the trigger; its own pipeline would be a second one at work.
    shop.commit(
        {**files, **moved, f"templates/{file}": text, ".gitlab-ci.yml": PIPELINE.format(file=file, inputs=inputs)},
        "[skip ci]",
    )
    assert "ready:" in run_jobs(shop, "prebuild")
    assert "started" in run_jobs(shop, "build")
    build_id = replace(shop, folder=shop.folder / "service").build_id()
    # The emulator's own runner has that pipeline, too; a build goes to one pipeline, however often its job is run.
    known = {"CI_PIPELINE_SOURCE": "trigger", "CI_PIPELINE_ID": _triggered(shop), "ORCHESTRATOR_BUILD_ID": build_id}
    run_jobs(shop, "postbuild", "check", **known)
    assert "handler.py" in zipfile.ZipFile(shop.folder / "service" / "package.zip").namelist()


@pytest.fixture
def elsewhere(tmp_path: Path) -> Iterator[Shop]:
    """Return a project in an emulator of its own: the example's name is taken in the one that the others share."""
    running = control.up(tmp_path / "emulator", detach=False)
    yield open_shop(running, tmp_path, "codebuild-orchestrator")
    control.down(tmp_path / "emulator")


def test_this_projects_own_pipeline(elsewhere: Shop, tmp_path: Path) -> None:
    """The pipeline of this repository sends its example through prebuild, build and postbuild elsewhere, too."""
    clone = tmp_path / "clone"
    elsewhere.git("clone", "--quiet", str(ROOT), str(clone))
    own = replace(elsewhere, folder=clone)
    own.git("checkout", "--quiet", "-B", "main")
    own.git("remote", "set-url", "origin", "https://gitlab.example.com/platform/codebuild-orchestrator.git")
    elsewhere.aws("ssm").put_parameter(
        Name="/gitlab/trigger/lxml-function", Value=elsewhere.token, Type="SecureString", Overwrite=True
    )
    # The commit is not in the emulator's GitLab, so its trigger answers on the project's own branch.
    run_jobs(own, "prebuild")
    run_jobs(own, "build")
    example = clone / "examples" / "lxml-function"
    build_id = replace(own, folder=example).build_id()
    run_jobs(own, "postbuild", "check-package", CI_PIPELINE_SOURCE="trigger", ORCHESTRATOR_BUILD_ID=build_id)
    assert any("lxml/etree" in name for name in zipfile.ZipFile(example / "package.zip").namelist())
