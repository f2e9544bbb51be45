"""REST v4 as python-gitlab uses it, and what it says to malformed requests."""

from __future__ import annotations

import base64
import io
import tarfile
from typing import Any

import gitlab
import pytest
import requests


def test_who_am_i(gl: Any) -> None:
    """`auth()`, `version()` and `user` work."""
    gl.auth()
    assert gl.user.username == "root"
    assert gl.version()[0].count(".") == 2


@pytest.mark.parametrize("token", ["", "glpat-wrong"])
def test_wrong_token_is_401(server: Any, token: str) -> None:
    """Without a valid token nobody is anybody."""
    with pytest.raises(gitlab.GitlabAuthenticationError):
        server.client(token).auth()


def test_projects_by_number_and_by_path(gl: Any) -> None:
    """A project is found by number and by its path in any depth, listed, edited and deleted."""
    made = gl.projects.create({"name": "By Path", "namespace_id": "one/two/three", "ci_config_path": "ci/main.yml"})
    assert made.path_with_namespace == "one/two/three/by-path"
    assert gl.projects.get("one/two/three/by-path").id == made.id
    assert gl.projects.get(made.id).ci_config_path == "ci/main.yml"
    assert [item.id for item in gl.projects.list(search="by-path", get_all=True)] == [made.id]
    made.build_timeout = 120
    made.save()
    assert gl.projects.get(made.id).build_timeout == 120
    with pytest.raises(gitlab.GitlabCreateError):
        gl.projects.create({"name": "By Path", "namespace_id": "one/two/three"})
    gl.projects.delete(made.id)
    with pytest.raises(gitlab.GitlabGetError) as gone:
        gl.projects.get(made.id)
    assert gone.value.response_code == 404
    assert gone.value.error_message == "404 Project Not Found"


def test_pagination_headers(gl: Any) -> None:
    """Lists come in pages that python-gitlab can walk."""
    project = gl.projects.create({"name": "pages"})
    for number in range(7):
        project.variables.create({"key": f"K{number}", "value": str(number)})
    assert len(project.variables.list(per_page=3, get_all=True)) == 7
    page = gl.http_request("get", f"/projects/{project.id}/variables", query_data={"per_page": 3, "page": 2})
    names = ("X-Total", "X-Total-Pages", "X-Page", "X-Next-Page", "X-Prev-Page")
    assert [page.headers[name] for name in names] == ["7", "3", "2", "3", "1"]
    assert 'rel="next"' in page.headers["Link"]


def test_variables_crud(gl: Any) -> None:
    """Project variables keep their flags; a value that cannot be masked is refused."""
    project = gl.projects.create({"name": "vars"})
    made = project.variables.create({"key": "K", "value": "12345678", "masked": True, "protected": True})
    assert (made.masked, made.protected, made.variable_type, made.environment_scope) == (True, True, "env_var", "*")
    made.value = "abcdefgh"
    made.save()
    assert project.variables.get("K").value == "abcdefgh"
    for wrong in (
        {"key": "K", "value": "again"},
        {"key": "bad-key", "value": "x"},
        {"key": "M", "value": "short", "masked": True},
        {"key": "T", "value": "x", "variable_type": "other"},
    ):
        with pytest.raises(gitlab.GitlabCreateError) as refused:
            project.variables.create(wrong)
        assert refused.value.response_code == 400
    project.variables.delete("K")
    assert project.variables.list() == []


def test_repository_through_the_api(gl: Any) -> None:
    """Commits, files, branches, tags, trees and archives can be made and read without git."""
    project = gl.projects.create({"name": "files"})
    actions = [
        {"action": "create", "file_path": "src/ä b.txt", "content": "hello\n"},
        {"action": "create", "file_path": "bin", "content": base64.b64encode(b"\0\1").decode(), "encoding": "base64"},
    ]
    made = project.commits.create({"branch": "main", "commit_message": "first\n\nbody", "actions": actions})
    assert (made.title, project.commits.get(made.id).parent_ids) == ("first", [])
    assert project.files.get("src/ä b.txt", ref="main").decode() == b"hello\n"
    assert project.files.raw("bin", ref=made.id) == b"\0\1"
    file = project.files.get("src/ä b.txt", ref="main")
    file.content = "changed\n"
    file.save(branch="main", commit_message="second")
    project.branches.create({"branch": "topic/x", "ref": "main"})
    project.tags.create({"tag_name": "v1", "ref": "topic/x", "message": "release"})
    assert project.branches.get("topic/x").commit["title"] == "second"
    assert project.tags.get("v1").message == "release"
    assert [item["path"] for item in project.repository_tree(recursive=True, get_all=True)] == [
        "bin",
        "src",
        "src/ä b.txt",
    ]
    with tarfile.open(fileobj=io.BytesIO(project.repository_archive(sha="main"))) as archive:
        assert any(name.endswith("/src/ä b.txt") for name in archive.getnames())
    assert [item.title for item in project.commits.list(ref_name="main", get_all=True)] == ["second", "first"]
    assert len(project.repository_compare(made.id, "main")["commits"]) == 1
    project.branches.delete("topic/x")
    with pytest.raises(gitlab.GitlabDeleteError):
        project.branches.delete("main")
    with pytest.raises(gitlab.GitlabCreateError):
        project.commits.create(
            {"branch": "main", "commit_message": "x", "actions": [{**actions[0], "file_path": "../x"}]}
        )


def test_protected_branches(gl: Any) -> None:
    """The first branch is protected; patterns can be added and removed."""
    project = gl.projects.create({"name": "guard", "initialize_with_readme": True})
    assert [item.name for item in project.protectedbranches.list(get_all=True)] == ["main"]
    project.protectedbranches.create({"name": "release/*"})
    project.branches.create({"branch": "release/1", "ref": "main"})
    assert project.branches.get("release/1").protected
    project.protectedbranches.delete("release/*")
    assert not project.branches.get("release/1").protected


def test_roles(gl: Any, server: Any) -> None:
    """A developer may start pipelines on free branches, not see trigger tokens, and a stranger sees no project."""
    project = gl.projects.create({"name": "roles", "initialize_with_readme": True})
    project.files.create(
        {"file_path": ".gitlab-ci.yml", "branch": "main", "content": "j: {script: ['true']}", "commit_message": "ci"}
    )
    project.branches.create({"branch": "free", "ref": "main"})
    token = project.access_tokens.create({"name": "dev", "scopes": ["api"], "access_level": 30}).token
    mine = server.client(token).projects.get(project.id)
    assert mine.pipelines.create({"ref": "free"}).source == "api"
    with pytest.raises(gitlab.GitlabCreateError, match="do not have sufficient permission"):
        mine.pipelines.create({"ref": "main"})
    with pytest.raises(gitlab.GitlabListError) as refused:
        mine.triggers.list()
    assert refused.value.response_code == 403
    user = gl.users.create({"username": "stranger", "email": "s@example.com", "name": "S", "password": "x" * 20})
    secret = user.personal_access_tokens.create({"name": "t", "scopes": ["api"]}).token
    with pytest.raises(gitlab.GitlabGetError) as hidden:
        server.client(secret).projects.get(project.id)
    assert hidden.value.response_code == 404
    reader = project.access_tokens.create({"name": "ro", "scopes": ["read_api"], "access_level": 40}).token
    with pytest.raises(gitlab.GitlabCreateError) as scope:
        server.client(reader).projects.get(project.id).pipelines.create({"ref": "free"})
    assert scope.value.response_code == 403


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v4/nothing", 404),
        ("GET", "/nothing/at/all", 404),
        ("PATCH", "/api/v4/projects", 405),
        ("GET", "/api/v4/projects/999999", 404),
        ("GET", "/api/v4/projects/a%2Fb%2Fc", 404),
        ("GET", "/api/v4/projects/%00", 404),
        ("GET", "/api/v4/projects/%ff%fe", 404),
        ("GET", "/api/v4/projects/{id}/pipelines/zero", 400),
        ("GET", "/api/v4/projects/{id}/pipelines/999999", 404),
        ("GET", "/api/v4/projects/{id}/pipelines/9999999999999999999999", 400),
        ("GET", "/api/v4/projects/{id}/pipelines?page=x", 400),
        ("GET", "/api/v4/projects/{id}/pipelines?scope=odd", 400),
        ("GET", "/api/v4/projects/{id}/pipelines?order_by=odd", 400),
        ("GET", "/api/v4/projects/{id}/jobs?scope[]=odd", 400),
        ("GET", "/api/v4/projects/{id}/jobs/999999/trace", 404),
        ("GET", "/api/v4/projects/{id}/jobs/999999/artifacts/a/../b", 404),
        ("GET", "/api/v4/projects/{id}/repository/files/none?ref=main", 404),
        ("GET", "/api/v4/projects/{id}/repository/files/..%2Fx?ref=main", 404),
        ("GET", "/api/v4/projects/{id}/repository/commits/--output=x", 404),
        ("GET", "/api/v4/projects/{id}/terraform/state/..%2Fx", 400),
        ("POST", "/api/v4/projects", 400),
        ("POST", "/api/v4/projects/{id}/pipeline", 400),
        ("POST", "/api/v4/projects/{id}/triggers", 400),
        ("POST", "/api/v4/projects/{id}/repository/commits", 400),
        ("PUT", "/api/v4/projects/{id}?visibility=odd", 400),
    ],
)
def test_malformed_requests(gl: Any, server: Any, method: str, path: str, status: int) -> None:
    """A request that makes no sense has a 4xx with JSON, never a 500."""
    project = next(iter(gl.projects.list(search="malformed", get_all=True)), None) or gl.projects.create(
        {"name": "malformed", "initialize_with_readme": True}
    )
    answer = requests.request(
        method,
        server.url + path.format(id=project.id),
        headers={"PRIVATE-TOKEN": "glpat-root-of-the-tests"},
        timeout=10,
    )
    assert answer.status_code == status, answer.text
    assert isinstance(answer.json(), dict)


def test_authentication_by_every_header(server: Any) -> None:
    """PRIVATE-TOKEN, Bearer and the query parameter are the same; a job token is no user."""
    address, token = f"{server.url}/api/v4/user", "glpat-root-of-the-tests"
    for arguments in (
        {"headers": {"PRIVATE-TOKEN": token}},
        {"headers": {"Authorization": f"Bearer {token}"}},
        {"params": {"private_token": token}},
    ):
        assert requests.get(address, timeout=10, **arguments).status_code == 200
    for arguments in (
        {"headers": {"JOB-TOKEN": token}},
        {"headers": {"Authorization": "Bearer wrong"}},
        {"auth": ("root", token)},
        {},
    ):
        assert requests.get(address, timeout=10, **arguments).status_code == 401


def test_pipeline_list_filters(repo: Any) -> None:
    """Pipelines are found by ref, commit, source and status, newest first."""
    repo.push({".gitlab-ci.yml": "j: {script: ['true']}"})
    repo.push({"x": "1"}, to="other")
    repo.wait()
    api = repo.project.pipelines.create({"ref": "main"})
    repo.wait(api)
    listed = repo.project.pipelines
    assert [item.ref for item in listed.list(source="push", get_all=True)] == ["other", "main"]
    assert [item.id for item in listed.list(ref="main", source="api", get_all=True)] == [api.id]
    assert {item.id for item in listed.list(sha=api.sha, get_all=True)} == {api.id, api.id - 2}
    assert len(listed.list(status="success", get_all=True)) == 3
    assert listed.latest(ref="main").id == api.id
    listed.get(api.id).delete()
    with pytest.raises(gitlab.GitlabGetError):
        listed.get(api.id)
