"""Branches, tags, trees, files and archives (docs: api/branches, tags, repositories, repository_files)."""

from __future__ import annotations

import base64
import binascii
import hashlib

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, message, missing, nothing
from orchestrator.emulator.gitlab.api.commits import announce, commit_changes, resolve, start_of
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.git import write
from orchestrator.emulator.gitlab.git.repository import GitError
from orchestrator.emulator.gitlab.records import DEVELOPER, MAINTAINER, NO_SHA, REPORTER, Json, Project
from orchestrator.emulator.gitlab.world import is_protected

routes = Routes()

_ARCHIVES = {"": ("tar.gz", "application/gzip"), ".tar.gz": ("tar.gz", "application/gzip"),
             ".tgz": ("tar.gz", "application/gzip"), ".tar": ("tar", "application/x-tar"),
             ".zip": ("zip", "application/zip")}  # fmt: skip


def _branch(call: Call, project: Project, name: str, sha: str) -> Json:
    protected = is_protected(project, name, tag=False)
    return {
        "name": name,
        "commit": present.commit(call.world, project, call.world.repository(project).commit(sha)),
        "merged": False,
        "protected": protected,
        "developers_can_push": False,
        "developers_can_merge": False,
        "can_push": call.identity is not None and call.identity.level(project) >= DEVELOPER,
        "default": name == project.default_branch,
        "web_url": f"{call.world.project_url(project)}/-/tree/{name}",
    }


@routes.add("GET", "/projects/<project>/repository/branches")
def branches(call: Call) -> Response:
    """List branches."""
    project = call.project(REPORTER)
    wanted = call.text("search") or ""
    heads = [item for item in call.world.repository(project).branches().items() if wanted in item[0]]
    return call.page(heads, lambda item: _branch(call, project, *item))


@routes.add("GET", "/projects/<project>/repository/branches/<branch>")
def branch(call: Call) -> Response:
    """Show a branch."""
    project = call.project(REPORTER)
    sha = call.world.repository(project).branches().get(call.args["branch"])
    if sha is None:
        raise missing("Branch")
    return answer(_branch(call, project, call.args["branch"], sha))


@routes.add("POST", "/projects/<project>/repository/branches")
def create_branch(call: Call) -> Response:
    """Create a branch at a ref; it gets a pipeline, as on GitLab."""
    project = call.project(DEVELOPER)
    name, ref = call.require("branch", "ref")
    repository = call.world.repository(project)
    if name in repository.branches():
        raise message(400, "Branch already exists")
    sha = repository.resolve(ref)
    if sha is None:
        raise message(400, f"Invalid reference name: {ref}")
    _move(call, project, f"refs/heads/{name}", NO_SHA, sha)
    return answer(_branch(call, project, name, sha), 201)


def _move(call: Call, project: Project, ref: str, before: str, after: str) -> None:
    try:
        write.move(call.world.repository(project), ref, after)
    except GitError:
        raise message(400, "Branch name is invalid" if "/heads/" in ref else "Tag name invalid") from None
    announce(call, project, ref, before, after)


@routes.add("DELETE", "/projects/<project>/repository/branches/<branch>")
def delete_branch(call: Call) -> Response:
    """Delete a branch; the default branch and protected ones stay."""
    project = call.project(DEVELOPER)
    name = call.args["branch"]
    sha = call.world.repository(project).branches().get(name)
    if sha is None:
        raise missing("Branch")
    if name == project.default_branch or is_protected(project, name, tag=False):
        raise message(403, "403 Forbidden")
    _move(call, project, f"refs/heads/{name}", sha, NO_SHA)
    return nothing()


def _tag(call: Call, project: Project, name: str, target: str) -> Json:
    repository = call.world.repository(project)
    sha = repository.commit_of(f"refs/tags/{name}") or target
    return {
        "name": name,
        "message": "" if sha == target else repository.run("tag", "-l", "--format=%(contents)", name).decode().strip(),
        "target": target,
        "commit": present.commit(call.world, project, repository.commit(sha)),
        "release": None,
        "protected": is_protected(project, name, tag=True),
    }


@routes.add("GET", "/projects/<project>/repository/tags")
def tags(call: Call) -> Response:
    """List tags."""
    project = call.project(REPORTER)
    found = sorted(call.world.repository(project).tags().items(), reverse=True)
    return call.page(found, lambda item: _tag(call, project, *item))


@routes.add("GET", "/projects/<project>/repository/tags/<tag>")
def tag(call: Call) -> Response:
    """Show a tag."""
    project = call.project(REPORTER)
    target = call.world.repository(project).tags().get(call.args["tag"])
    if target is None:
        raise missing("Tag")
    return answer(_tag(call, project, call.args["tag"], target))


@routes.add("POST", "/projects/<project>/repository/tags")
def create_tag(call: Call) -> Response:
    """Create a tag at a ref, annotated when there is a message; it gets a pipeline."""
    project = call.project(DEVELOPER)
    name, ref = call.require("tag_name", "ref")
    repository = call.world.repository(project)
    if name in repository.tags():
        raise message(400, f"Tag {name} already exists")
    sha = repository.resolve(ref)
    if sha is None:
        raise message(400, f"Target {ref} is invalid")
    try:
        write.annotate(repository, name, sha, call.text("message") or "", call.caller.user)
    except GitError:
        raise message(400, "Tag name invalid") from None
    target = repository.tags()[name]
    announce(call, project, f"refs/tags/{name}", NO_SHA, target)
    return answer(_tag(call, project, name, target), 201)


@routes.add("DELETE", "/projects/<project>/repository/tags/<tag>")
def delete_tag(call: Call) -> Response:
    """Delete a tag."""
    project = call.project(MAINTAINER)
    target = call.world.repository(project).tags().get(call.args["tag"])
    if target is None:
        raise missing("Tag")
    _move(call, project, f"refs/tags/{call.args['tag']}", target, NO_SHA)
    return nothing()


@routes.add("GET", "/projects/<project>/repository/tree")
def tree(call: Call) -> Response:
    """List a directory at a ref."""
    project = call.project(REPORTER)
    sha = resolve(call, project, call.text("ref") or project.default_branch, "Tree")
    try:
        entries = call.world.repository(project).tree(
            sha, path=call.text("path") or "", recursive=call.flag("recursive")
        )
    except GitError:
        raise missing("invalid revision or path") from None
    return call.page(
        entries,
        lambda item: {
            "id": item.sha,
            "name": item.path.rsplit("/", 1)[-1],
            "type": item.kind,
            "path": item.path,
            "mode": item.mode,
        },
    )


def _content(call: Call, project: Project) -> tuple[str, bytes]:
    sha = resolve(call, project, call.text("ref") or project.default_branch)
    content = call.world.repository(project).read(sha, call.args["file_path"])
    if content is None:
        raise missing("File")
    return sha, content


@routes.add("GET", "/projects/<project>/repository/files/<file_path>")
@routes.add("HEAD", "/projects/<project>/repository/files/<file_path>")
def file(call: Call) -> Response:
    """Show a file at a ref, base64-encoded."""
    project = call.project(REPORTER)
    sha, content = _content(call, project)
    path = call.args["file_path"]
    last = call.world.repository(project).history(sha, path=path, limit=1)
    return answer(
        {
            "file_name": path.rsplit("/", 1)[-1],
            "file_path": path,
            "size": len(content),
            "encoding": "base64",
            "content": base64.b64encode(content).decode(),
            "content_sha256": hashlib.sha256(content).hexdigest(),
            "ref": call.text("ref") or project.default_branch,
            "blob_id": hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest(),
            "commit_id": sha,
            "last_commit_id": last[0].sha if last else sha,
            "execute_filemode": False,
        }
    )


@routes.add("GET", "/projects/<project>/repository/files/<file_path>/raw")
def raw_file(call: Call) -> Response:
    """Return a file at a ref as it is."""
    return Response(_content(call, call.project(REPORTER))[1], content_type="application/octet-stream")


def _write_file(call: Call, kind: str) -> Response:
    project = call.project(DEVELOPER)
    branch_name, text = call.require("branch", "commit_message")
    path = call.args["file_path"]
    action = {**call.params, "action": kind, "file_path": path}
    if kind != "delete" and call.params.get("content") is None:
        raise message(400, "content is missing")
    try:
        change = write.Change.parse(action)
    except (GitError, binascii.Error, ValueError) as problem:
        raise message(400, str(problem)) from None
    commit_changes(call, project, branch_name, start_of(call, project, branch_name), [change], text)
    if kind == "delete":
        return nothing()
    return answer({"file_path": path, "branch": branch_name}, 201 if kind == "create" else 200)


@routes.add("POST", "/projects/<project>/repository/files/<file_path>")
def create_file(call: Call) -> Response:
    """Commit a new file."""
    return _write_file(call, "create")


@routes.add("PUT", "/projects/<project>/repository/files/<file_path>")
def update_file(call: Call) -> Response:
    """Commit a changed file."""
    return _write_file(call, "update")


@routes.add("DELETE", "/projects/<project>/repository/files/<file_path>")
def delete_file(call: Call) -> Response:
    """Commit the removal of a file."""
    return _write_file(call, "delete")


@routes.add("GET", "/projects/<project>/repository/archive<ending>")
@routes.add("GET", "/projects/<project>/repository/archive")
def archive(call: Call) -> Response:
    """Return the archive of a commit; its paths begin with `<project>-<sha>/`."""
    project = call.project(REPORTER)
    kind = _ARCHIVES.get(call.args.get("ending", ""))
    if kind is None:
        raise missing()
    sha = resolve(call, project, call.text("sha") or project.default_branch, "File")
    name = f"{project.path}-{sha}"
    content = call.world.repository(project).archive(sha, kind[0], f"{name}/")
    disposition = f'attachment; filename="{name}.{kind[0]}"'
    return Response(content, content_type=kind[1], headers={"Content-Disposition": disposition})
