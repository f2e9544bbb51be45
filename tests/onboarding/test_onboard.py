"""`onboard` over python-gitlab, boto3 and HTTP: what it makes, what it leaves alone, what it says."""

from __future__ import annotations

import threading
from typing import Any

import pytest
import yaml
from click.testing import CliRunner
from json_documents import conforming
from onboarding_site import ADDRESS, Site, Stage

from orchestrator.cli.main import cli
from orchestrator.emulator.server import ACCOUNT_ID
from orchestrator.errors import OrchestratorError
from orchestrator.redaction import KNOWN

THEIRS = "stages: [lint, test]  # two\n\nlint:\n  stage: lint\n  script: [make lint]\n"


def test_a_project_is_connected(new_site: Any) -> None:
    """One run makes the token and stores it, sets the roles, opens one merge request, and leaves the checkout alone."""
    site = new_site({".gitlab-ci.yml": THEIRS})
    before = site.config.read_text()
    outcome = site.onboard()
    (trigger,) = site.triggers()
    assert trigger.description == f"orchestrator:{ACCOUNT_ID}:eu-central-1:{site.parameter}"
    assert site.value() == trigger.token
    assert site.described()["Type"] == "SecureString"
    assert f"trigger token {trigger.id} of project {site.api.id}" in site.described()["Description"]
    roles = {key: (item.value, item.protected, item.masked) for key, item in site.variables().items()}
    arn = f"arn:aws:iam::{ACCOUNT_ID}:role/orchestrator/{site.name}"
    assert roles == {
        "ORCHESTRATOR_APPLY_ROLE_ARN": (f"{arn}-apply", True, True),
        "ORCHESTRATOR_START_ROLE_ARN": (f"{arn}-start", True, True),
    }
    (request,) = site.requests()
    written = site.text("orchestrator.yml", request.source_branch)
    assert written != site.config.read_text() == before
    assert written.startswith("# what is built\n")
    assert yaml.safe_load(written)["artifacts"] == {
        "bucket": "shared-artifacts",
        "prefix": site.name,
        "key_arn": f"arn:aws:kms:eu-central-1:{ACCOUNT_ID}:key/1-2",
    }
    pipeline = site.text(".gitlab-ci.yml", request.source_branch)
    assert pipeline.startswith("stages: [prebuild, build, postbuild, lint, test]  # two\n\nlint:\n")
    assert yaml.safe_load(pipeline)["include"] == [{"component": ADDRESS}]
    assert any(request.web_url in link for link in outcome.links)


def test_a_second_run_changes_nothing(new_site: Any) -> None:
    """Run again, before and after the merge, onboard finds everything and touches nothing."""
    site = new_site()
    site.onboard()
    before = site.everything()
    assert site.onboard().steps == []
    assert site.everything() == before
    site.merge()
    before = site.everything()
    again = site.onboard()
    assert (again.steps, site.everything()) == ([], before)
    assert any("merged" in link for link in again.links)


def test_a_dry_run_tells_what_a_run_does(new_site: Any) -> None:
    """What a dry run prints is, line by line, what the run then does; the dry run itself does nothing."""
    site = new_site({".gitlab-ci.yml": THEIRS})
    before = site.everything()
    foretold = [str(step) for step in site.onboard(dry_run=True).steps]
    assert site.everything() == before
    site.told.clear()
    site.onboard()
    assert site.told == foretold
    foretold = [str(step) for step in site.onboard(dry_run=True, rotate=True).steps]
    site.told.clear()
    site.onboard(rotate=True)
    assert site.told == foretold
    foretold = [str(step) for step in site.offboard(dry_run=True).steps]
    site.told.clear()
    site.offboard()
    assert site.told == foretold


def test_rotation_replaces_the_token(new_site: Any) -> None:
    """The new token is in SSM before the old one is gone, and there is one token at the end."""
    site = new_site()
    site.onboard()
    (old,) = site.triggers()
    site.onboard(rotate=True)
    (new,) = site.triggers()
    assert new.id != old.id
    assert site.value() == new.token
    assert [line.split()[0] for line in site.told[-3:]] == ["create", "store", "delete"]


def test_another_person_finds_what_was_made(new_site: Any, stage: Stage) -> None:
    """A second maintainer makes nothing of what the first has made, though GitLab does not show them the token."""
    site = new_site()
    site.onboard()
    user, token = stage.user()
    site.api.members.create({"user_id": user.id, "access_level": 40})
    before = site.everything()
    assert site.by(token).onboard().steps == []
    assert site.everything() == before


def test_two_people_at_once(new_site: Any, stage: Stage) -> None:
    """Whoever is second takes what the first has made: one token, in SSM, and one merge request."""
    site = new_site()
    user, token = stage.user()
    site.api.members.create({"user_id": user.id, "access_level": 40})
    # Both have looked before one of them acts: each creates a token, and each is about to store it.
    stage.faults(
        {"service": "ssm", "operation": "PutParameter", "answers": [{"kind": "delay", "seconds": 0.5}], "times": None}
    )
    failures: list[BaseException] = []

    def run(one: Site) -> None:
        try:
            one.onboard()
        except BaseException as error:  # noqa: BLE001 - shown by the test
            failures.append(error)

    wired = [threading.Thread(target=run, args=(one,)) for one in (site, site.by(token))]
    for thread in wired:
        thread.start()
    for thread in wired:
        thread.join()
    assert failures == []
    theirs = stage.client(token).projects.get(site.api.id)
    full = [item.token for item in (*site.triggers(), *theirs.triggers.list(get_all=True)) if len(item.token) > 8]
    assert full == [site.value()]
    assert len(site.triggers()) == 1
    assert len(site.requests()) == 1
    assert site.onboard().steps == []


def test_jobs_of_the_same_name_are_kept_apart(new_site: Any) -> None:
    """Where there is a job called `build` already, ours gets another name, and GitLab's lint sees both."""
    site = new_site({".gitlab-ci.yml": "build:\n  script: [make]\n"})
    site.onboard()
    (request,) = site.requests()
    text = site.text(".gitlab-ci.yml", request.source_branch)
    assert yaml.safe_load(text)["include"] == [{"component": ADDRESS, "inputs": {"build_job": "codebuild-build"}}]
    verdict = site.api.ci_lint.create({"content": text, "include_jobs": True})
    assert verdict.valid
    assert {"build", "codebuild-build", "prebuild"} <= {job["name"] for job in verdict.attributes["jobs"]}


def test_without_a_platform(new_site: Any) -> None:
    """Where no platform has published anything, the configuration stays as it is, and the run says what that means."""
    site = new_site(platform=False)
    before = site.config.read_text()
    outcome = site.onboard()
    assert (site.variables(), site.config.read_text()) == ({}, before)
    assert any("credentials of their own" in note for note in outcome.notes)


def test_expiry_is_asked_for_and_its_absence_told(new_site: Any) -> None:
    """A server that lets no trigger token expire ignores the wish, and the run says so."""
    outcome = new_site().onboard(token_days=30)
    assert any("rotate it yourself" in note for note in outcome.notes)
    assert "to expire on 20" in str(outcome.steps[0])


def test_the_token_is_in_no_message(new_site: Any, stage: Stage, capfd: pytest.CaptureFixture[str]) -> None:
    """Whatever is said, kept or raised on the way, the value of the token is not in it."""
    site = new_site()
    outcome = site.onboard()
    first = site.value()
    denied = {"kind": "error", "code": "AccessDeniedException", "message": "no"}
    stage.faults({"service": "ssm", "operation": "PutParameter", "answers": [denied]})
    with pytest.raises(OrchestratorError) as caught:
        site.onboard(rotate=True)
    stage.faults()
    values = {first, *(item.token for item in site.triggers())}
    assert len(values) == 2
    wanted, world = site.wire()
    written = [repr(outcome), str(site.told), repr(caught.value), str(caught.value), repr(caught.value.__cause__),
               repr(world.gitlab.tokens()), repr(wanted), *capfd.readouterr(), site.config.read_text(),
               site.requests()[0].description]  # fmt: skip
    for value in values:
        assert not [text for text in written if value in text]
        assert KNOWN.cleaned(f"x {value}") == "x [redacted]"
    site.onboard()
    assert len(site.triggers()) == 1


def test_the_commands(new_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """On standard output are the steps of a dry run, and the links of a run; the rest is narration."""
    site = new_site()
    monkeypatch.chdir(site.folder)

    def run(*words: str) -> list[str]:
        outcome = CliRunner().invoke(cli, words, catch_exceptions=False)
        assert outcome.exit_code == 0
        assert not site.triggers() or site.triggers()[0].token not in outcome.output
        return outcome.stdout.splitlines()

    foretold = [line.split()[0] for line in run("onboard", "--dry-run")]
    assert foretold == ["create", "store", "set", "set", "commit", "open"]
    assert site.triggers() == []
    links = run("onboard")
    assert [line.partition(":")[0].split()[0] for line in links] == ["trigger", "SSM", "variable", "variable", "merge"]
    assert run("onboard") == links
    assert [line.split()[0] for line in run("offboard", "--dry-run")] == ["delete"] * 4 + ["close", "delete"]
    assert run("offboard") == []
    assert site.triggers() == []
    monkeypatch.delenv("ORCHESTRATOR_GITLAB_TOKEN")
    with pytest.raises(OrchestratorError, match="no token for GitLab"):
        run("onboard")


def test_their_documents_are_those_of_the_schema(new_site: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """Programs read the same members whether there was something to do, nothing, or only a dry run was asked for."""
    site = new_site()
    monkeypatch.chdir(site.folder)
    for words, something in (
        ("onboard --dry-run", True),
        ("onboard", True),
        ("onboard", False),
        ("onboard --rotate", True),
        ("offboard --dry-run", True),
        ("offboard", True),
        ("offboard", False),
    ):
        outcome = CliRunner().invoke(cli, [*words.split(), "--json"], catch_exceptions=False)
        assert outcome.exit_code == 0
        told = conforming(words.split()[0], outcome.stdout)
        assert (bool(told["steps"]), told["dry_run"]) == (something, "--dry-run" in words), words


def test_what_changes_while_the_request_is_open_is_told(new_site: Any) -> None:
    """A merge request that no longer brings what is wanted is not passed over as if everything were there."""
    site = new_site({".gitlab-ci.yml": THEIRS})
    site.onboard()
    assert not any("close it" in note for note in site.onboard().notes)
    site.push({".gitlab-ci.yml": THEIRS.replace("[make lint]", "[make all]")})
    again = site.onboard()
    assert again.steps == []
    assert any("close it and run this again" in note for note in again.notes)


def test_a_component_that_is_included_for_another_return_is_told(new_site: Any) -> None:
    """Where `return` changes after the merge, its input in `.gitlab-ci.yml` is named; it is never changed unasked."""
    site = new_site({".gitlab-ci.yml": f"include:\n  - component: {ADDRESS}\n"})
    assert not any("return:" in note for note in site.onboard().notes)
    site.config.write_text(f"{site.config.read_text()}return: wait\n")
    assert any("with `return: trigger`" in note for note in site.onboard().notes)
