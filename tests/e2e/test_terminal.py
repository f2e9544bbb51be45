"""The three stages from a terminal, and every bad input that the promise names."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import boto3
import pytest
from conftest import Shop, open_shop

from orchestrator.effects.terraform import find_terraform, provider_environment
from orchestrator.emulator import control

pytestmark = pytest.mark.e2e


def test_the_three_stages_by_hand(ready: Shop) -> None:
    """prebuild, build and postbuild at a terminal bring the package of HEAD home; the trigger comes home, too."""
    started = ready.orchestrator("build")
    assert started.returncode == 0, started.stderr
    home = ready.orchestrator("postbuild", "--build-id", ready.build_id(), "--output", "dist")
    assert home.returncode == 0, home.stderr
    assert "handler.py" in zipfile.ZipFile(ready.folder / "dist" / "package.zip").namelist()
    manifest = json.loads((ready.folder / "dist" / "manifest.json").read_text())
    assert manifest["commit"] == ready.git("rev-parse", "HEAD")
    assert _came_home(ready) == ready.build_id()
    # Any stage can be repeated, by anybody.
    again = ready.orchestrator("postbuild", "--build-id", ready.build_id(), "--output", "dist")
    assert again.returncode == 0, again.stderr


def _came_home(shop: Shop) -> str:
    """Return the build id that the newest trigger pipeline of the checked out commit was given."""
    sha = shop.git("rev-parse", "HEAD")
    for _ in range(120):
        pipelines = shop.project.pipelines.list(source="trigger", sha=sha, get_all=True)
        if pipelines and pipelines[0].status in {"success", "failed"}:
            job = pipelines[0].jobs.list(get_all=True)[0]
            return bytes(shop.project.jobs.get(job.id).artifact("build-id")).decode()
        time.sleep(0.25)
    raise AssertionError("the trigger pipeline did not end")


def test_an_applied_project_plans_empty(ready: Shop) -> None:
    """After an apply, Terraform itself finds nothing left to do."""
    folder = ready.folder / ".orchestrator" / "terraform"
    executable = find_terraform(ready.environment)
    environment = provider_environment(ready.environment, folder)
    outcome = subprocess.run(
        [*executable.argv, "plan", "-detailed-exitcode", "-input=false", "-no-color"],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert outcome.returncode == 0, outcome.stdout + outcome.stderr


def test_changed_settings_are_applied_and_old_ones_build_nothing(ready: Shop) -> None:
    """A changed configuration needs prebuild before build, and prebuild applies just the change."""
    text = (ready.folder / "orchestrator.yml").read_text()
    ready.commit({"orchestrator.yml": text.replace("timeout_minutes: 5", "timeout_minutes: 6")})
    refused = ready.orchestrator("build")
    assert refused.returncode == 2
    assert "prebuild" in refused.stderr
    changed = ready.orchestrator("prebuild")
    assert changed.returncode == 0, changed.stderr
    assert "1 to update" in changed.stderr
    assert ready.orchestrator("build").returncode == 0


def test_a_failing_build_phase_comes_home(ready: Shop) -> None:
    """A requirement that does not exist fails the build phase; the trigger fires, and postbuild ends with 1."""
    ready.commit({"src/requirements.txt": "no-such-package-anywhere==99.1\n"})
    assert ready.orchestrator("prebuild").returncode == 0
    assert ready.orchestrator("build").returncode == 0
    home = ready.orchestrator("postbuild", "--build-id", ready.build_id())
    assert home.returncode == 1, home.stderr
    assert "BUILD" in home.stderr
    assert "no-such-package-anywhere" in home.stderr
    assert "hint:" in home.stderr
    assert not (ready.folder / "package.zip").exists()
    assert _came_home(ready) == ready.build_id()
    assert [key for key in ready.keys("artifacts/") if ready.git("rev-parse", "HEAD") in key] == []


def _lose_tool(shop: Shop) -> None:
    shop.delete_objects("tools/")


def _spoil_tool(shop: Shop) -> None:
    for key in shop.keys("tools/"):
        shop.aws("s3").put_object(Bucket=shop.bucket, Key=key, Body=b"print('owned')")


def _wrong_token(shop: Shop) -> None:
    shop.store_token("glptt-" + "wrong" * 8)


@pytest.mark.parametrize(
    ("spoil", "phase"),
    [(_lose_tool, "INSTALL"), (_spoil_tool, "INSTALL"), (_wrong_token, "POST_BUILD")],
    ids=["tool lost", "tool swapped", "wrong token"],
)
def test_a_build_that_fails_in_another_phase(ready: Shop, spoil: Callable[[Shop], None], phase: str) -> None:
    """Whatever phase fails, postbuild names it and ends with 1; running the stages again works."""
    spoil(ready)
    assert ready.orchestrator("build").returncode == 0
    home = ready.orchestrator("postbuild", "--build-id", ready.build_id())
    assert home.returncode == 1, home.stderr
    assert phase in home.stderr
    assert "owned" not in home.stderr
    assert "glptt-" not in home.stderr
    assert not (ready.folder / "package.zip").exists()


def test_a_snapshot_that_was_swapped_is_not_built(ready: Shop) -> None:
    """A snapshot of other bytes fails in pre_build, before any of its code runs."""
    commit = ready.git("rev-parse", "HEAD")
    assert ready.orchestrator("build").returncode == 0
    first = ready.build_id()
    assert ready.orchestrator("postbuild", "--build-id", first).returncode == 0
    key = f"snapshots/{commit}.tar.gz"
    ready.aws("s3").put_object(Bucket=ready.bucket, Key=key, Body=b"something else")
    reused = ready.orchestrator("build", CI_PIPELINE_ID="2")
    assert (reused.returncode, ready.build_id()) == (0, first), reused.stderr
    refused = ready.orchestrator("build", "--fresh", CI_PIPELINE_ID="2")
    assert refused.returncode == 5, refused.stderr
    assert "hint:" in refused.stderr


def test_a_stopped_build(ready: Shop) -> None:
    """A build that somebody stops ends postbuild with 4."""
    ready.commit({"src/requirements.txt": "lxml\nnumpy\n"})
    assert ready.orchestrator("prebuild").returncode == 0
    assert ready.orchestrator("build").returncode == 0
    ready.aws("codebuild").stop_build(id=ready.build_id())
    home = ready.orchestrator("postbuild", "--build-id", ready.build_id())
    assert home.returncode == 4, home.stderr
    assert "STOPPED" in home.stderr


def test_a_build_that_times_out(tmp_path: Path) -> None:
    """A build that is not done in its time ends postbuild with 1, and the message says that time ran out."""
    # Five minutes of this emulator last two seconds, which no build can do.
    running = control.up(tmp_path / "emulator", detach=False, minute_seconds=0.4)
    try:
        hasty = open_shop(running, tmp_path, "hasty")
        assert hasty.orchestrator("prebuild").returncode == 0
        assert hasty.orchestrator("build").returncode == 0
        home = hasty.orchestrator("postbuild", "--build-id", hasty.build_id())
    finally:
        control.down(tmp_path / "emulator")
    assert home.returncode == 1, home.stderr
    assert "TIMED_OUT" in home.stderr
    assert not (hasty.folder / "package.zip").exists()


@pytest.mark.parametrize(
    ("arguments", "code", "words"),
    [
        (["build", "--commit", "f" * 40], 2, "there is no commit"),
        (["build", "--ref", "prod/db,type=SECRETS_MANAGER"], 5, "','"),
        (["build", "--package", "no-such"], 2, "parser"),
        (["postbuild", "--build-id", "somebody-elses:0f1e2d3c-4b5a-6978-8796-a5b4c3d2e1f0"], 5, "somebody-elses"),
        (["postbuild", "--build-id", "../../etc/passwd"], 5, "not a build id"),
    ],
)
def test_what_is_refused_at_the_door(ready: Shop, arguments: list[str], code: int, words: str) -> None:
    """Bad arguments end with their exit code and a hint, and start nothing."""
    project = f"{ready.name}-parser"
    before = ready.aws("codebuild").list_builds_for_project(projectName=project)["ids"]
    outcome = ready.orchestrator(*arguments)
    assert outcome.returncode == code, outcome.stderr
    assert words in outcome.stderr
    assert "hint:" in outcome.stderr
    assert ready.aws("codebuild").list_builds_for_project(projectName=project)["ids"] == before


def test_a_dirty_checkout_is_not_built(ready: Shop) -> None:
    """Uncommitted changes would not be in the build, so it is not started."""
    (ready.folder / "src" / "handler.py").write_text("changed\n")
    outcome = ready.orchestrator("build")
    assert outcome.returncode == 2
    assert "src/handler.py" in outcome.stderr


def test_a_shallow_checkout_lacks_old_commits(ready: Shop, tmp_path: Path) -> None:
    """A commit that a shallow clone does not have is named, with the way to get it; the newest one is built."""
    old = ready.git("rev-parse", "HEAD~1")
    ready.git("clone", "--quiet", "--depth", "1", f"file://{ready.folder}", str(tmp_path / "shallow"))
    shallow = replace(ready, folder=tmp_path / "shallow")
    outcome = shallow.orchestrator("build", "--commit", old)
    assert outcome.returncode == 2
    assert "unshallow" in outcome.stderr
    assert shallow.orchestrator("build").returncode == 0


def test_a_missing_trigger_token(shop: Shop) -> None:
    """Without the parameter prebuild ends with 2 before Terraform runs, and says how to make it."""
    shop.aws("ssm").delete_parameter(Name=f"/gitlab/trigger/{shop.name}")
    outcome = shop.orchestrator("prebuild")
    assert outcome.returncode == 2
    assert f"/gitlab/trigger/{shop.name}" in outcome.stderr
    assert shop.token not in outcome.stderr
    assert not (shop.folder / ".orchestrator" / "terraform").exists()


def test_a_bucket_of_another_account(shop: Shop) -> None:
    """A bucket that belongs to somebody else is refused before anything is built on it."""
    role = shop.aws("sts").assume_role(RoleArn="arn:aws:iam::999999999999:role/theirs", RoleSessionName="theirs")
    keys = role["Credentials"]
    theirs = boto3.client(
        "s3",
        endpoint_url=shop.running.aws_url,
        aws_access_key_id=keys["AccessKeyId"],
        aws_secret_access_key=keys["SecretAccessKey"],
        aws_session_token=keys["SessionToken"],
        region_name=shop.running.region,
    )
    theirs.create_bucket(
        Bucket=f"{shop.name}-theirs", CreateBucketConfiguration={"LocationConstraint": shop.running.region}
    )
    text = (shop.folder / "orchestrator.yml").read_text()
    (shop.folder / "orchestrator.yml").write_text(f"{text}artifacts: {{bucket: {shop.name}-theirs}}\n")
    outcome = shop.orchestrator("prebuild")
    assert outcome.returncode == 5, outcome.stderr
    assert f"{shop.name}-theirs" in outcome.stderr
    assert not (shop.folder / ".orchestrator" / "terraform").exists()


def test_no_machine_to_talk_to(shop: Shop) -> None:
    """When AWS cannot be reached, the stage ends with 3, which a pipeline may retry."""
    outcome = shop.orchestrator("prebuild", AWS_ENDPOINT_URL="http://127.0.0.1:9", AWS_MAX_ATTEMPTS="1")
    assert outcome.returncode == 3, outcome.stderr


def test_the_build_clones_when_told_to(ready: Shop) -> None:
    """With `source: clone` the build fetches exactly the commit from GitLab, and the token stays out of sight."""
    for name, value in (("username", "oauth2"), ("pat", ready.running.gitlab_token)):
        ready.aws("ssm").put_parameter(Name=f"/gitlab/{name}", Value=value, Type="SecureString", Overwrite=True)
    address = f"{ready.running.gitlab_url}/{ready.project.path_with_namespace}.git"
    text = (ready.folder / "orchestrator.yml").read_text()
    ready.commit({"orchestrator.yml": f"{text}source: clone\nclone: {{url: '{address}'}}\n"})
    assert ready.orchestrator("prebuild").returncode == 0
    assert ready.orchestrator("build").returncode == 0
    home = ready.orchestrator("postbuild", "--build-id", ready.build_id(), "--output", "dist")
    assert home.returncode == 0, home.stderr
    build = ready.aws("codebuild").batch_get_builds(ids=[ready.build_id()])["builds"][0]
    events = ready.aws("logs").get_log_events(
        logGroupName=build["logs"]["groupName"], logStreamName=build["logs"]["streamName"], limit=10_000
    )["events"]
    log = "\n".join(event["message"] for event in events)
    assert "fetch" in log
    assert ready.running.gitlab_token not in log + home.stderr + json.dumps(build, default=str)


def test_the_state_can_lie_in_a_bucket(shop: Shop) -> None:
    """With `state: s3` the state and its lock are objects, and a second machine sees what the first has applied."""
    bucket = f"{shop.name}-state"
    shop.aws("s3").create_bucket(Bucket=bucket, CreateBucketConfiguration={"LocationConstraint": shop.running.region})
    text = shop.files()["orchestrator.yml"]
    shop.commit({"orchestrator.yml": f"{text}terraform: {{state: s3, bucket: {bucket}}}\n"})
    first = shop.orchestrator("prebuild")
    assert first.returncode == 0, first.stderr
    keys = [item["Key"] for item in shop.aws("s3").list_objects_v2(Bucket=bucket)["Contents"]]
    assert keys == [f"{shop.name}/terraform.tfstate"]
    shutil.rmtree(shop.folder / ".orchestrator")
    shop.commit({"orchestrator.yml": f"{text}terraform: {{state: s3, bucket: {bucket}}}\ntags: {{team: feeds}}\n"})
    second = shop.orchestrator("prebuild")
    assert second.returncode == 0, second.stderr
    assert "to create" not in second.stderr
    assert "to update" in second.stderr
