"""Merge requests within a project (docs: api/merge_requests); they have no pipelines, approvals or discussions."""

from __future__ import annotations

from werkzeug import Response

from orchestrator.emulator.gitlab.api import present
from orchestrator.emulator.gitlab.api.call import Call, answer, invalid, message, missing
from orchestrator.emulator.gitlab.api.commits import announce
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.git import write
from orchestrator.emulator.gitlab.git.repository import GitError
from orchestrator.emulator.gitlab.pipelines.pushes import may_merge
from orchestrator.emulator.gitlab.records import DEVELOPER, NO_SHA, REPORTER, Json, MergeRequest, Project, now

routes = Routes()

_STATES = {"opened", "closed", "locked", "merged", "all"}


def _show(call: Call, project: Project, item: MergeRequest) -> Json:
    head = call.world.repository(project).branches().get(item.source_branch)
    return {
        "id": item.id,
        "iid": item.iid,
        "project_id": project.id,
        "source_project_id": project.id,
        "target_project_id": project.id,
        "title": item.title,
        "description": item.description,
        "state": item.state,
        "draft": item.title.lower().startswith(("draft:", "[draft]", "(draft)")),
        "source_branch": item.source_branch,
        "target_branch": item.target_branch,
        "author": present.user(call.world, call.world.state.users[item.author_id]),
        "sha": head if item.state == "opened" and head else item.sha,
        "merge_commit_sha": item.merge_commit_sha,
        "squash_commit_sha": None,
        "force_remove_source_branch": item.remove_source_branch,
        "created_at": item.created_at,
        "updated_at": item.updated_at,
        "merged_at": item.merged_at,
        "labels": [],
        "reference": f"!{item.iid}",
        "web_url": f"{call.world.project_url(project)}/-/merge_requests/{item.iid}",
    }


@routes.add("GET", "/projects/<project>/merge_requests")
def listing(call: Call) -> Response:
    """List the merge requests of a project, the newest first."""
    project = call.project(REPORTER)
    state = call.text("state") or "all"
    if state not in _STATES:
        raise invalid("state does not have a valid value")
    wanted = {name: call.text(name) for name in ("source_branch", "target_branch")}
    found = [
        item
        for item in reversed(project.merge_requests)
        if state in ("all", item.state) and all(value in (None, getattr(item, name)) for name, value in wanted.items())
    ]
    return call.page(found, lambda item: _show(call, project, item))


@routes.add("POST", "/projects/<project>/merge_requests")
def create(call: Call) -> Response:
    """Open a merge request; a source branch has one open request for each target."""
    project = call.project(DEVELOPER)
    source, target, title = call.require("source_branch", "target_branch", "title")
    heads = call.world.repository(project).branches()
    if source == target:
        raise message(409, ["You can't use same project/branch for source and target"])
    for word, name in (("Source", source), ("Target", target)):
        if name not in heads:
            raise message(400, {f"{word.lower()}_branch": ["does not exist"]})
    state = call.world.state
    with state.lock:
        for other in project.merge_requests:
            if (other.state, other.source_branch, other.target_branch) == ("opened", source, target):
                raise message(409, [f"Another open merge request already exists for this source branch: !{other.iid}"])
        iid = len(project.merge_requests) + 1
        made = MergeRequest(state.next_id("merge_request"), iid, call.caller.user.id, source, target, title)
        made.description, made.sha = call.text("description"), heads[source]
        made.remove_source_branch = call.flag("remove_source_branch")
        project.merge_requests.append(made)
        state.save_project(project)
    return answer(_show(call, project, made), 201)


def _request(call: Call, project: Project) -> MergeRequest:
    number = call.number("iid")
    found = next((item for item in project.merge_requests if item.iid == number), None)
    if found is None:
        raise missing()
    return found


@routes.add("GET", "/projects/<project>/merge_requests/<iid>")
def show(call: Call) -> Response:
    """Show a merge request."""
    project = call.project(REPORTER)
    return answer(_show(call, project, _request(call, project)))


@routes.add("PUT", "/projects/<project>/merge_requests/<iid>")
def edit(call: Call) -> Response:
    """Change title or description, close or reopen."""
    project = call.project(DEVELOPER)
    item = _request(call, project)
    event = call.text("state_event")
    if event not in (None, "close", "reopen"):
        raise invalid("state_event does not have a valid value")
    item.title = call.text("title") or item.title
    if "description" in call.params:
        item.description = call.text("description")
    if item.state in ("opened", "closed") and event:
        item.state = "closed" if event == "close" else "opened"
    item.updated_at = now()
    call.world.state.save_project(project)
    return answer(_show(call, project, item))


@routes.add("PUT", "/projects/<project>/merge_requests/<iid>/merge")
def merge(call: Call) -> Response:
    """Merge with a merge commit, which starts a pipeline of the target branch."""
    project = call.project(DEVELOPER)
    item = _request(call, project)
    if not may_merge(call.caller, project, item.target_branch):
        raise message(401, "401 Unauthorized")
    heads = call.world.repository(project).branches()
    if item.state != "opened" or item.source_branch not in heads:
        raise message(405, "405 Method Not Allowed")
    if call.text("sha") not in (None, heads[item.source_branch]):
        raise message(409, f"SHA does not match HEAD of source branch: {heads[item.source_branch]}")
    _merge(call, project, item, heads)
    return answer(_show(call, project, item))


def _merge(call: Call, project: Project, item: MergeRequest, heads: dict[str, str]) -> None:
    repository, target = call.world.repository(project), item.target_branch
    text = f"Merge branch '{item.source_branch}' into '{target}'\n\n{item.title}\n"
    try:
        sha = write.merge(repository, heads[target], heads[item.source_branch], message=text, user=call.caller.user)
    except GitError:
        raise message(422, "Branch cannot be merged") from None
    write.move(repository, f"refs/heads/{target}", sha)
    item.state, item.merge_commit_sha, item.sha, item.merged_at = "merged", sha, heads[item.source_branch], now()
    if call.flag("should_remove_source_branch", default=item.remove_source_branch):
        write.move(repository, f"refs/heads/{item.source_branch}", NO_SHA)
    call.world.state.save_project(project)
    announce(call, project, f"refs/heads/{target}", heads[target], sha)
