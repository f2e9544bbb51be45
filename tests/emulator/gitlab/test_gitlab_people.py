"""Merge requests, members, blocked users, protected branches and masked values, as python-gitlab meets them."""

from __future__ import annotations

from typing import Any

import gitlab
import pytest
from gitlab.exceptions import GitlabError

CI = "job:\n  when: manual\n  script: x\n"


@pytest.fixture
def project(repo: Any) -> Any:
    """Return a project with one commit and a branch with another one."""
    repo.push({"a.txt": "a\n", ".gitlab-ci.yml": CI})
    actions = [{"action": "create", "file_path": "b.txt", "content": "b\n"}]
    repo.project.commits.create({"branch": "topic", "start_branch": "main", "commit_message": "b", "actions": actions})
    return repo.project


def person(gl: gitlab.Gitlab, server: Any, name: str, scopes: list[str]) -> tuple[Any, gitlab.Gitlab]:
    """Return a user, and the API as that user."""
    made = gl.users.create({"username": name, "email": f"{name}@example.com", "name": name, "password": "x" * 12})
    token = gl.http_post(f"/users/{made.id}/personal_access_tokens", post_data={"name": "t", "scopes": scopes})
    return made, server.client(token["token"])


def status_of(call: Any) -> tuple[int, str]:
    """Return how GitLab refuses a call."""
    with pytest.raises(GitlabError) as caught:
        call()
    return int(caught.value.response_code or 0), str(caught.value.error_message)


def test_a_merge_request_is_merged_and_undone(project: Any) -> None:
    """Merging puts a merge commit on the target and takes the branch away; reverting it brings the files back."""
    wanted = {"source_branch": "topic", "target_branch": "main", "title": "b", "description": "x"}
    made = project.mergerequests.create({**wanted, "remove_source_branch": True})
    again = status_of(lambda: project.mergerequests.create(wanted))
    assert again == (409, f"['Another open merge request already exists for this source branch: !{made.iid}']")
    made.merge()
    merged = project.mergerequests.get(made.iid)
    assert (merged.state, len(project.commits.get(merged.merge_commit_sha).parent_ids)) == ("merged", 2)
    assert [item.name for item in project.branches.list(get_all=True)] == ["main"]
    assert project.files.get("b.txt", ref="main").decode() == b"b\n"
    project.commits.get(merged.merge_commit_sha, lazy=True).revert("main")
    assert "b.txt" not in {item["path"] for item in project.repository_tree(get_all=True)}
    code, text = status_of(lambda: project.commits.get(merged.merge_commit_sha, lazy=True).revert("main"))
    assert (code, "cannot revert" in text) == (400, True)


def test_a_conflict_is_not_merged(project: Any) -> None:
    """Two sides of one line cannot be merged, and a closed request cannot either."""
    for branch, text in (("main", "x\n"), ("topic", "y\n")):
        actions = [{"action": "update", "file_path": "a.txt", "content": text}]
        project.commits.create({"branch": branch, "commit_message": text, "actions": actions})
    made = project.mergerequests.create({"source_branch": "topic", "target_branch": "main", "title": "b"})
    assert status_of(made.merge)[0] == 422
    made.state_event = "close"
    made.save()
    assert status_of(made.merge)[0] == 405
    assert [item.iid for item in project.mergerequests.list(state="closed", source_branch="topic", get_all=True)] == [
        made.iid
    ]


def test_a_protected_branch_takes_no_commits_of_developers(project: Any, gl: gitlab.Gitlab, server: Any) -> None:
    """A developer writes to branches that are not protected, and neither to nor into the default branch."""
    user, client = person(gl, server, "dev", ["api"])
    project.members.create({"user_id": user.id, "access_level": 30})
    theirs = client.projects.get(project.id)
    actions = [{"action": "create", "file_path": "c.txt", "content": "c"}]
    wanted = {"commit_message": "c", "actions": actions}
    refused = status_of(lambda: theirs.commits.create({**wanted, "branch": "main"}))
    assert refused == (403, "403 Forbidden - You are not allowed to push into this branch")
    theirs.commits.create({**wanted, "branch": "topic"})
    made = theirs.mergerequests.create({"source_branch": "topic", "target_branch": "main", "title": "b"})
    assert status_of(made.merge)[0] == 401
    assert project.members_all.get(user.id).access_level == 30
    assert status_of(lambda: project.members_all.get(99_999))[0] == 404


def test_a_blocked_user_opens_nothing(project: Any, gl: gitlab.Gitlab, server: Any) -> None:
    """Whoever is blocked gets 403, and so does their trigger token: it starts no pipeline."""
    user, client = person(gl, server, "gone", ["api"])
    project.members.create({"user_id": user.id, "access_level": 40})
    token = client.projects.get(project.id).triggers.create({"description": "t"}).token
    assert project.trigger_pipeline("main", token).id
    gl.http_post(f"/users/{user.id}/block")
    assert status_of(lambda: client.projects.get(project.id)) == (403, "403 Forbidden - Your account has been blocked.")
    assert status_of(lambda: project.trigger_pipeline("main", token))[0] == 400
    assert [item.owner["state"] for item in project.triggers.list(get_all=True)] == ["blocked"]
    gl.http_post(f"/users/{user.id}/unblock")
    assert project.trigger_pipeline("main", token).id


def test_a_token_may_look_at_itself(gl: gitlab.Gitlab, server: Any) -> None:
    """Whatever its scopes, a token sees its own name, scopes and expiry, and never its secret."""
    user, client = person(gl, server, "reader", ["read_repository"])
    shown = client.personal_access_tokens.get("self").attributes
    assert (shown["user_id"], shown["scopes"], shown["active"]) == (user.id, ["read_repository"], True)
    assert "token" not in shown
    assert status_of(lambda: client.projects.list(get_all=False))[0] == 403


def test_what_can_be_masked(gl: gitlab.Gitlab) -> None:
    """A masked value has eight characters of a small alphabet, or of any but spaces if nothing in it is expanded."""
    project = gl.projects.get(gl.projects.create({"name": "masks"}).id)
    table = [
        ("arn:aws:iam::123456789012:role/x-y", False, True),
        ("short", False, False),
        ("with space 1", True, False),
        ("what$is(this)", False, False),
        ("what$is(this)", True, True),
    ]
    for number, (value, raw, taken) in enumerate(table):
        wanted = {"key": f"K{number}", "value": value, "masked": True, "raw": raw}
        if taken:
            assert project.variables.create(wanted).masked
        else:
            assert status_of(lambda wanted=wanted: project.variables.create(wanted))[0] == 400
