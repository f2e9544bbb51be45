"""What a push sets off: the default branch of a new repository, protection, and pipelines."""

from __future__ import annotations

import sys
import traceback

from orchestrator.emulator.gitlab.access import Identity
from orchestrator.emulator.gitlab.git.transport import Push
from orchestrator.emulator.gitlab.pipelines.create import Order, Refused, create
from orchestrator.emulator.gitlab.records import DEVELOPER, MAINTAINER, NO_SHA, Json, Project, Variable
from orchestrator.emulator.gitlab.world import World, name_matches

_LEVEL_NAMES = {0: "No one", 30: "Developers + Maintainers", 40: "Maintainers"}


def protection(name: str, *, push: int = MAINTAINER, merge: int = MAINTAINER, force: bool = False) -> Json:
    """Return a protected branch as it is kept and shown."""
    return {
        "id": 0,
        "name": name,
        "push_access_levels": [access_level(push)],
        "merge_access_levels": [access_level(merge)],
        "allow_force_push": force,
        "unprotect_access_levels": [],
        "code_owner_approval_required": False,
    }


def access_level(level: int) -> Json:
    """Return a role as protected branches show it."""
    described = _LEVEL_NAMES.get(level, str(level))
    return {"id": level, "access_level": level, "access_level_description": described, "user_id": None}


def may_push(identity: Identity, project: Project, branch: str) -> bool:
    """Tell whether a caller may write to a branch: protected ones name the role that they want."""
    return _may(identity, project, branch, "push_access_levels")


def may_merge(identity: Identity, project: Project, branch: str) -> bool:
    """Tell whether a caller may merge into a branch."""
    return _may(identity, project, branch, "merge_access_levels")


def _may(identity: Identity, project: Project, branch: str, kind: str) -> bool:
    rules = [rule for rule in project.protected_branches if name_matches(rule["name"], branch)]
    wanted = [level["access_level"] for rule in rules for level in rule[kind]] or [DEVELOPER]
    # The most generous rule counts; 0 is nobody (GitLab docs: protected branches).
    return any(level and identity.level(project) >= level for level in wanted)


def pushed(world: World, identity: Identity, project: Project, push: Push) -> None:
    """React to a push that has changed refs; a deleted ref sets off nothing."""
    _adopt_default_branch(world, project, push)
    skip = any(option.strip() in {"ci.skip", "ci.no_pipeline"} for option in push.options)
    variables = _variables(push.options)
    for name, (before, after) in sorted(push.changes.items()):
        if after == NO_SHA or not name.startswith(("refs/heads/", "refs/tags/")):
            continue
        order = Order(project, name, "push", before_sha=before, variables=variables, skip=skip)
        try:
            create(world, identity, order)
        except Refused:
            continue  # no CI file, or rules that want no pipeline: a push goes through all the same
        except Exception:  # noqa: BLE001 - git has already moved the ref; the client must hear so
            traceback.print_exc(file=sys.stderr)


def _variables(options: list[str]) -> list[Variable]:
    found = []
    for option in options:
        word, _, rest = option.partition("=")
        name, equals, value = rest.partition("=")
        if word == "ci.variable" and equals:
            found.append(Variable(name, value))
    return found


def _adopt_default_branch(world: World, project: Project, push: Push) -> None:
    new = [name[len("refs/heads/") :] for name, pair in push.changes.items() if name.startswith("refs/heads/")
           and pair[0] == NO_SHA]  # fmt: skip
    repository = world.repository(project)
    branches = repository.branches()
    if not new or len(branches) != len(new):
        return
    with world.state.lock:
        if project.default_branch not in branches:
            project.default_branch = sorted(new)[0]
            repository.set_default_branch(project.default_branch)
        if not project.protected_branches:
            rule = protection(project.default_branch)
            project.protected_branches.append({**rule, "id": world.state.next_id("protection")})
        world.state.save_project(project)
