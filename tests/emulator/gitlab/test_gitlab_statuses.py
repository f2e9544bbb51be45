"""Commit statuses: where they land, which steps are possible, what is too long."""

from __future__ import annotations

from typing import Any

import gitlab
import pytest


@pytest.fixture
def commit(repo: Any) -> Any:
    """Make a pushed commit with a finished pipeline."""
    repo.push({".gitlab-ci.yml": "j: {script: ['true']}"})
    repo.wait()
    return repo.project.commits.get("main")


@pytest.mark.parametrize(
    ("steps", "fits"),
    [
        (["pending", "running", "success"], True),
        (["running", "failed"], True),
        (["success", "success"], True),
        (["failed", "running"], True),
        (["canceled"], True),
        (["pending", "pending"], False),
        (["running", "running"], False),
        (["running", "pending"], False),
    ],
)
def test_transitions(repo: Any, commit: Any, steps: list[str], fits: bool) -> None:
    """A status that already is what it should become is refused with 400; an ended one begins anew."""
    body = {"name": "codebuild", "target_url": "https://example.com/b", "description": "building"}
    for state in steps[:-1]:
        commit.statuses.create({**body, "state": state})
    if fits:
        assert commit.statuses.create({**body, "state": steps[-1]}).status == steps[-1]
    else:
        with pytest.raises(gitlab.GitlabCreateError, match="Cannot transition status") as refused:
            commit.statuses.create({**body, "state": steps[-1]})
        assert refused.value.response_code == 400
    found = [item for item in commit.statuses.list(get_all=True) if item.name == "codebuild"]
    assert len(found) == 1
    assert found[0].target_url == "https://example.com/b"


@pytest.mark.parametrize(
    ("change", "status"),
    [
        ({"target_url": "https://example.com/" + "x" * 255}, 400),
        ({"description": "x" * 256}, 400),
        ({"target_url": "javascript:alert(1)"}, 400),
        ({"state": "done"}, 400),
        ({"state": None}, 400),
        ({"pipeline_id": 999_999}, 404),
        ({"ref": "nowhere"}, 404),
        ({"coverage": "much"}, 400),
    ],
)
def test_wrong_statuses(repo: Any, commit: Any, change: dict[str, Any], status: int) -> None:
    """Limits and unknown values are refused as GitLab does."""
    body = {key: value for key, value in {"state": "success", **change}.items() if value is not None}
    with pytest.raises(gitlab.GitlabHttpError) as refused:
        path = f"/projects/{repo.project.id}/statuses/{commit.id}"
        repo.project.manager.gitlab.http_post(path, post_data=body)
    assert refused.value.response_code == status


def test_status_goes_to_the_pipeline_it_names(repo: Any, commit: Any) -> None:
    """With `pipeline_id` the status lands there, without it in the newest pipeline; a failure turns it red."""
    old = repo.pipeline()
    new = repo.wait(repo.project.pipelines.create({"ref": "main"}))
    assert commit.statuses.create({"state": "success", "name": "a", "pipeline_id": old.id}).pipeline_id == old.id
    assert commit.statuses.create({"state": "failed", "name": "b"}).pipeline_id == new.id
    assert repo.project.pipelines.get(old.id).status == "success"
    assert repo.project.pipelines.get(new.id).status == "failed"
    assert set(repo.jobs(new)) == {"j"}


def test_commit_without_pipeline_gets_an_external_one(repo: Any) -> None:
    """A status on a commit that has no pipeline makes one with source `external`; an unknown commit is 404."""
    repo.push({"x": "y"})
    commit = repo.project.commits.get("main")
    commit.statuses.create({"state": "running", "name": "outside"})
    assert (repo.pipeline().source, repo.pipeline().status) == ("external", "running")
    with pytest.raises(gitlab.GitlabHttpError) as unknown:
        repo.project.manager.gitlab.http_post(
            f"/projects/{repo.project.id}/statuses/{'0' * 40}", post_data={"state": "success"}
        )
    assert unknown.value.response_code == 404
