"""GitLab as the emulator and scripted answers give it."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import gitlab
import pytest
from instant import Instant

from orchestrator.effects.gitlab import GitLabPipelines, GitLabStatus
from orchestrator.effects.status import NoStatus
from orchestrator.emulator.control import Running
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError

TOKEN = "glpat-canary-of-a-token"
STATUS = {
    "state": "running",
    "name": "codebuild/parser",
    "ref": "main",
    "pipeline_id": "",
    "description": "d" * 400,
    "url": "https://example.com/",
}


@pytest.fixture
def project(world: Running) -> Any:
    """Return a project with one commit, on which one pipeline of one job runs."""
    connection = gitlab.Gitlab(world.gitlab_url, private_token=world.gitlab_token)
    created = connection.projects.create({"name": f"p-{uuid.uuid4().hex[:10]}"})
    content = "job:\n  script: [mkdir -p out, echo said > out/file]\n  artifacts: {paths: [out/file]}\n"
    actions = [{"action": "create", "file_path": ".gitlab-ci.yml", "content": content}]
    created.commits.create({"branch": "main", "commit_message": "first", "actions": actions})
    return connection.projects.get(created.id)


def ended(pipelines: GitLabPipelines) -> Any:
    """Return the one pipeline once it has ended."""
    import time

    for _ in range(400):
        found = pipelines.pipelines()
        if found and found[0].ended:
            return found[0]
        time.sleep(0.05)
    raise AssertionError("the pipeline did not end")


def test_a_pipeline_can_be_watched(project: Any, world: Running) -> None:
    """Pipelines, jobs, logs and artifacts are read as GitLab has them."""
    pipelines = GitLabPipelines(world.gitlab_url, project.path_with_namespace, world.gitlab_token)
    pipeline = ended(pipelines)
    (job,) = pipelines.jobs(pipeline.id)
    assert (pipeline.status, job.name, job.status) == ("success", "job", "success")
    assert "mkdir -p out" in pipelines.trace(job.id)
    assert pipelines.artifact(job.id, "out/file") == b"said\n"
    with pytest.raises(MachineryError, match="no/such"):
        pipelines.artifact(job.id, "no/such")


def test_the_commit_shows_the_status(project: Any, world: Running) -> None:
    """A status appears beside the commit, cut to what GitLab takes; at a terminal it needs neither ref nor pipeline."""
    told: list[str] = []
    commit = project.commits.list(get_all=True)[0]
    status = GitLabStatus(world.gitlab_url, str(project.id), world.gitlab_token, told.append)
    status.report(commit.id, **{**STATUS, "ref": ""})
    (found,) = [item for item in commit.statuses.list(get_all=True, all=True) if item.name == STATUS["name"]]
    assert (found.status, len(found.description)) == ("running", 255)
    assert told == []


@pytest.mark.parametrize("sha", ["f" * 40, "", "../../x", "\x1b[2J"])
def test_a_status_that_cannot_be_set_decides_nothing(project: Any, world: Running, sha: str) -> None:
    """A commit that GitLab does not know costs a line of narration, nothing else."""
    told: list[str] = []
    GitLabStatus(world.gitlab_url, str(project.id), world.gitlab_token, told.append).report(sha, **STATUS)
    assert len(told) == 1
    assert world.gitlab_token not in told[0]


@pytest.mark.parametrize("token", [TOKEN, f"{TOKEN}\n", f"{TOKEN} ü", f"{TOKEN} 😀"])
def test_a_token_is_never_told(world: Running, token: str) -> None:
    """A token that is wrong, or that no header can hold, is not in what is said about it."""
    told: list[str] = []
    GitLabStatus(world.gitlab_url, "1", token, told.append).report("f" * 40, **STATUS)
    assert len(told) == 1
    assert "canary" not in told[0]


def test_a_server_that_is_down_is_not_waited_for(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """A decoration gives up after a few tries: GitLab's bad hour does not hold up a build."""
    told: list[str] = []
    server = scripted(answer(502, b"<html>bad gateway</html>"))
    GitLabStatus(server.url, "1", TOKEN, told.append, Instant().patience).report("f" * 40, **STATUS)
    assert told == ["the commit status was not set (GitLab answered 502)"]
    assert len(server.requests) <= 4
    GitLabStatus("http://127.0.0.1:9", "1", TOKEN, told.append, Instant().patience).report("f" * 40, **STATUS)
    assert told[1:] == ["the commit status was not set (GitLab answered nothing)"]


@pytest.mark.parametrize(
    ("status", "body", "failure"),
    [(401, b"{}", ConfigurationError), (404, b"{}", MachineryError), (200, b"<html>login</html>", MachineryError)],
)
def test_what_gitlab_refuses_has_its_exit_code(
    scripted: Callable[..., Any],
    answer: Callable[..., bytes],
    status: int,
    body: bytes,
    failure: type[OrchestratorError],
) -> None:
    """A token that is not accepted is the user's to renew; everything else may be retried."""
    server = scripted(answer(status, body, Content_Type="application/json"))
    with pytest.raises(failure) as caught:
        GitLabPipelines(server.url, "1", TOKEN, Instant().patience).jobs(1)
    assert type(caught.value) is failure
    assert caught.value.hint
    assert "canary" not in str(caught.value)


def test_without_a_token_there_is_no_status() -> None:
    """No token is no failure."""
    NoStatus().report("f" * 40, **STATUS)
