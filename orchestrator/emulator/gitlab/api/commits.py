"""Commits: list, show, create from actions, compare (docs: api/commits)."""

from __future__ import annotations

import binascii

from werkzeug import Response

from orchestrator.emulator.gitlab.access import Identity
from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import ApiError, Call, answer, forbidden, invalid, message, missing
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.git import write
from orchestrator.emulator.gitlab.git.repository import GitError
from orchestrator.emulator.gitlab.git.transport import Push
from orchestrator.emulator.gitlab.pipelines.pushes import may_push, pushed
from orchestrator.emulator.gitlab.records import DEVELOPER, NO_SHA, REPORTER, Project

routes = Routes()

_NOT_REVERTED = (
    "Sorry, we cannot revert this commit automatically. This commit may already have been reverted, or a more recent "
    "commit may have updated some of its content."
)


def resolve(call: Call, project: Project, name: str, thing: str = "Commit") -> str:
    """Return the SHA that a name means; raises the 404."""
    sha = call.world.repository(project).resolve(name)
    if sha is None:
        raise missing(thing)
    return sha


def announce(call: Call, project: Project, ref: str, before: str, after: str) -> None:
    """Let a ref that the API has moved set off what a push would."""
    identity: Identity = call.caller
    pushed(call.world, identity, project, Push({ref: (before, after)}))


def commit_changes(
    call: Call, project: Project, branch: str, start: str | None, changes: list[write.Change], text: str
) -> str:
    """Commit to a branch and start its pipeline; returns the SHA, raises the 400."""
    check_push(call, project, branch)
    repository = call.world.repository(project)
    before = repository.branches().get(branch, NO_SHA)
    people = {"author_name": call.text("author_name") or "", "author_email": call.text("author_email") or ""}
    try:
        sha = write.commit(repository, branch, start, changes, message=text, user=call.caller.user, **people)
    except GitError as problem:
        raise message(400, str(problem)) from None
    announce(call, project, f"refs/heads/{branch}", before, sha)
    return sha


def check_push(call: Call, project: Project, branch: str) -> None:
    """Raise the 403 when the branch is protected against the caller."""
    if not may_push(call.caller, project, branch):
        raise forbidden("403 Forbidden - You are not allowed to push into this branch")


def start_of(call: Call, project: Project, branch: str) -> str | None:
    """Return what a new commit goes on top of: the branch, or the one that `start_branch`/`start_sha` name."""
    repository = call.world.repository(project)
    heads = repository.branches()
    start = call.text("start_branch") or call.text("start_sha")
    if branch in heads and not start:
        return heads[branch]
    if start:
        if branch in heads and not call.flag("force"):
            raise message(
                400, f"A branch called '{branch}' already exists. Switch to that branch in order to make changes"
            )
        return resolve(call, project, start)
    if heads:
        raise message(400, "You can only create or edit files when you are on a branch")
    return None


@routes.add("GET", "/projects/<project>/repository/commits")
def listing(call: Call) -> Response:
    """List the commits of a ref, newest first."""
    project = call.project(REPORTER)
    repository = call.world.repository(project)
    if not repository.branches() and not call.text("ref_name"):
        return call.page([], lambda _: None)
    sha = resolve(call, project, call.text("ref_name") or project.default_branch)
    found = repository.history(sha, path=call.text("path") or "")
    return call.page(found, lambda item: present.commit(call.world, project, item))


@routes.add("GET", "/projects/<project>/repository/commits/<sha>")
def show(call: Call) -> Response:
    """Show a commit by SHA, branch or tag."""
    project = call.project(REPORTER)
    sha = resolve(call, project, call.args["sha"])
    newest = next((item for item in call.world.state.pipelines_of(project) if item.sha == sha), None)
    shown = present.commit(call.world, project, call.world.repository(project).commit(sha))
    last = present.pipeline(call.world, newest) if newest else None
    return answer({**shown, "status": newest.status if newest else None, "last_pipeline": last})


@routes.add("GET", "/projects/<project>/repository/commits/<sha>/refs")
def refs(call: Call) -> Response:
    """List the branches and tags that contain a commit."""
    project = call.project(REPORTER)
    repository = call.world.repository(project)
    sha = resolve(call, project, call.args["sha"])
    wanted = call.text("type") or "all"
    found = []
    for kind, names in (("branch", repository.branches()), ("tag", repository.tags())):
        if wanted in {"all", kind}:
            found += [
                {"type": kind, "name": name}
                for name in names
                if repository.merge_base(sha, repository.commit_of(names[name]) or sha) == sha
            ]
    return call.page(found, lambda item: item)


@routes.add("POST", "/projects/<project>/repository/commits")
def create(call: Call) -> Response:
    """Make a commit from `actions`."""
    project = call.project(DEVELOPER)
    branch, text = call.require("branch", "commit_message")
    actions = call.params.get("actions")
    if not isinstance(actions, list) or not all(isinstance(action, dict) for action in actions):
        raise invalid("actions is missing" if actions is None else "actions is invalid")
    try:
        changes = [write.Change.parse(action) for action in actions]
    except (GitError, binascii.Error, ValueError) as problem:
        raise message(400, str(problem)) from None
    sha = commit_changes(call, project, branch, start_of(call, project, branch), changes, text)
    return answer(present.commit(call.world, project, call.world.repository(project).commit(sha)), 201)


@routes.add("POST", "/projects/<project>/repository/commits/<sha>/revert")
def revert(call: Call) -> Response:
    """Undo a commit by another one on a branch."""
    project = call.project(DEVELOPER)
    (branch,) = call.require("branch")
    check_push(call, project, branch)
    repository = call.world.repository(project)
    sha, head = resolve(call, project, call.args["sha"]), repository.branches().get(branch)
    if head is None:
        raise missing("Branch")
    undone = repository.commit(sha)
    text = f'Revert "{undone.title}"\n\nThis reverts commit {sha}\n'
    try:
        made = write.revert(repository, head, sha, message=text, user=call.caller.user)
    except GitError:
        raise ApiError(400, {"message": _NOT_REVERTED, "error_code": "conflict"}) from None
    write.move(repository, f"refs/heads/{branch}", made)
    announce(call, project, f"refs/heads/{branch}", head, made)
    return answer(present.commit(call.world, project, repository.commit(made)), 201)


@routes.add("GET", "/projects/<project>/repository/compare")
def compare(call: Call) -> Response:
    """Show what lies between two refs."""
    project = call.project(REPORTER)
    start, end = (resolve(call, project, name, "Ref") for name in call.require("from", "to"))
    repository = call.world.repository(project)
    base = repository.merge_base(start, end) or start
    between = repository.run("rev-list", "--max-count=1000", end, f"^{start}").decode().split()
    commits = [present.commit(call.world, project, repository.commit(sha)) for sha in reversed(between)]
    diffs = [{"old_path": path, "new_path": path} for path in repository.changed_paths(base, end)]
    last = commits[-1] if commits else None
    facts = {"compare_timeout": False, "compare_same_ref": start == end}
    return answer({"commit": last, "commits": commits, "diffs": diffs, **facts})
