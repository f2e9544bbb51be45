"""How a pipeline comes to be: from a ref and a source to jobs that wait for the runner."""

from __future__ import annotations

import re
import secrets
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from orchestrator.emulator.gitlab.access import Identity
from orchestrator.emulator.gitlab.ci.compile import read_config
from orchestrator.emulator.gitlab.ci.errors import ConfigError, Filtered
from orchestrator.emulator.gitlab.ci.evaluate import Layers, evaluate
from orchestrator.emulator.gitlab.ci.model import Config, Plan, PlannedJob
from orchestrator.emulator.gitlab.ci.rules import Context
from orchestrator.emulator.gitlab.ci.sources import Place
from orchestrator.emulator.gitlab.git.repository import Repository
from orchestrator.emulator.gitlab.pipelines.actions import cancel_redundant
from orchestrator.emulator.gitlab.pipelines.advance import advance
from orchestrator.emulator.gitlab.pipelines.files import ProjectFiles
from orchestrator.emulator.gitlab.pipelines.variables import layers
from orchestrator.emulator.gitlab.records import (
    DEVELOPER,
    MAINTAINER,
    NO_SHA,
    OWNER,
    Job,
    Pipeline,
    Project,
    Variable,
    now,
)
from orchestrator.emulator.gitlab.world import World, is_protected

_SKIP = re.compile(r"\[(ci[ _-]skip|skip[ _-]ci)\]", re.IGNORECASE)
_MINIMUM = {"developer": DEVELOPER, "maintainer": MAINTAINER, "owner": OWNER, "no_one_allowed": OWNER + 1}


class Refused(Exception):
    """No pipeline is created; `reasons` are GitLab's messages."""

    def __init__(self, *reasons: str) -> None:
        super().__init__("; ".join(reasons))
        self.reasons = list(reasons)


@dataclass(frozen=True)
class Order:
    """What somebody asks for.

    `ref` is a short name, or for a push the full name; `payload` is what a trigger was called with;
    `keep_broken` says whether a broken configuration becomes a failed pipeline or a refusal.
    """

    project: Project
    ref: str
    source: str
    before_sha: str = NO_SHA
    variables: list[Variable] = field(default_factory=list)
    payload: str | None = None
    inputs: Mapping[str, Any] = field(default_factory=dict)
    lenient_inputs: bool = False
    trigger_token: str | None = None
    upstream_job: Job | None = None
    skip: bool = False
    keep_broken: bool = True


def create(world: World, identity: Identity, order: Order) -> Pipeline:
    """Create a pipeline and let it start; raises `Refused`."""
    project, repository = order.project, world.repository(order.project)
    ref, tag = _find_ref(repository, order.ref)
    _check_rights(identity, order, ref, tag=tag)
    pipeline = _draft(world, identity, order, ref, tag=tag)
    text = _config_text(project, repository, pipeline.sha)
    if order.skip or (order.source == "push" and _SKIP.search(repository.commit(pipeline.sha).message)):
        pipeline.status, pipeline.finished_at = "skipped", now()
        return _store(world, project, pipeline, None)
    try:
        plan = plan_pipeline(world, identity, pipeline, text, order)[1]
    except Filtered as reason:
        raise Refused(str(reason)) from None
    except ConfigError as broken:
        if not order.keep_broken:
            raise Refused(*broken.problems) from None
        pipeline.status, pipeline.failure_reason = "failed", "config_error"
        pipeline.yaml_errors, pipeline.finished_at = "\n".join(broken.problems), now()
        return _store(world, project, pipeline, None)
    return _store(world, project, pipeline, plan)


def _find_ref(repository: Repository, name: str) -> tuple[str, bool]:
    branches, tags = repository.branches(), repository.tags()
    for prefix, known, tag in (("refs/heads/", branches, False), ("refs/tags/", tags, True)):
        if name.startswith(prefix) and name[len(prefix) :] in known and name not in {**branches, **tags}:
            return name[len(prefix) :], tag
    if name in branches and name in tags:
        raise Refused("Ref is ambiguous")
    if name not in branches and name not in tags:
        raise Refused("Reference not found")
    return name, name in tags


def _check_rights(identity: Identity, order: Order, ref: str, *, tag: bool) -> None:
    level = identity.level(order.project)
    if not order.project.setting("jobs_enabled"):
        raise Refused("Pipelines are disabled!")
    if level < DEVELOPER:
        raise Refused("Insufficient permissions to create a new pipeline")
    if is_protected(order.project, ref, tag=tag) and level < MAINTAINER:
        raise Refused(f"You do not have sufficient permission to run a pipeline on '{ref}'. Please select a "
                      "different branch or contact your administrator for assistance.")  # fmt: skip
    needed = _MINIMUM[order.project.setting("ci_pipeline_variables_minimum_override_role")]
    if order.variables and level < needed:
        raise Refused("Insufficient permissions to set pipeline variables")
    keys = [variable.key for variable in order.variables]
    doubled = sorted({key for key in keys if keys.count(key) > 1})
    if doubled:
        raise Refused(f"Duplicate variable name{'s' if len(doubled) > 1 else ''}: {', '.join(doubled)}")


def _draft(world: World, identity: Identity, order: Order, ref: str, *, tag: bool) -> Pipeline:
    repository = world.repository(order.project)
    sha = repository.commit_of(f"refs/{'tags' if tag else 'heads'}/{ref}")
    if sha is None:
        raise Refused("Reference not found")
    variables = list(order.variables)
    if order.payload is not None and not any(item.key == "TRIGGER_PAYLOAD" for item in variables):
        variables.append(Variable("TRIGGER_PAYLOAD", order.payload, "file"))
    return Pipeline(
        id=0,
        iid=order.project.pipelines_created + 1,
        project_id=order.project.id,
        ref=ref,
        tag=tag,
        sha=sha,
        before_sha=order.before_sha,
        source=order.source,
        user_id=identity.user.id,
        variables=variables,
        trigger_short_token=order.trigger_token.removeprefix("glptt-")[:4] if order.trigger_token else None,
        upstream_job_id=order.upstream_job.id if order.upstream_job else None,
    )


def config_path(project: Project) -> str:
    """Return where a project keeps its CI configuration."""
    return str(project.setting("ci_config_path") or ".gitlab-ci.yml")


def _config_text(project: Project, repository: Repository, sha: str) -> str:
    content = repository.read(sha, config_path(project))
    if content is None:
        raise Refused("Missing CI config file")
    return content.decode("utf-8", "replace").removeprefix("\ufeff")


def read_pipeline_config(
    world: World, identity: Identity, pipeline: Pipeline, text: str, order: Order
) -> tuple[Config, Layers, Context]:
    """Read a configuration with the variables this pipeline would have; raises `ConfigError`."""
    files = ProjectFiles(world, identity)
    known, masked = layers(world, order.project, pipeline)
    place = Place(order.project.full_path, pipeline.sha)
    context = _context(world.repository(order.project), files, place, pipeline, known.over_nothing(), masked)
    config = read_config(
        text,
        place,
        config_path(order.project),
        sources=files,
        context=context,
        inputs=order.inputs,
        lenient=order.lenient_inputs,
    )
    return config, known, context


def plan_pipeline(world: World, identity: Identity, pipeline: Pipeline, text: str, order: Order) -> tuple[Config, Plan]:
    """Read a configuration and apply its rules; raises `ConfigError`, and `Filtered` when nothing is left."""
    config, known, context = read_pipeline_config(world, identity, pipeline, text, order)
    return config, evaluate(config, known, context)


def _context(
    repository: Repository,
    files: ProjectFiles,
    place: Place,
    pipeline: Pipeline,
    variables: dict[str, str],
    masked: frozenset[str],
) -> Context:
    def changed(base: str | None) -> list[str] | None:
        if base is not None:
            start = repository.resolve(base)
            if start is None:
                raise ConfigError(f"rules:changes:compare_to is not a valid ref: `{base}`")
            return repository.changed_paths(repository.merge_base(start, place.sha) or start, place.sha)
        if pipeline.source != "push" or pipeline.tag or pipeline.before_sha == NO_SHA:
            return None
        return repository.changed_paths(pipeline.before_sha, place.sha)

    def listed(project: str | None, ref: str | None) -> list[str]:
        there = files.place(project, ref) if project else place
        if there is None:
            raise ConfigError(f"rules:exists:project `{project}` is not a valid project")
        return files.files(there)

    return Context(pipeline.ref, pipeline.tag, pipeline.source, place.project, variables, changed, listed, masked)


def _store(world: World, project: Project, pipeline: Pipeline, plan: Plan | None) -> Pipeline:
    state = world.state
    with state.lock:
        pipeline.id = state.next_id("pipeline")
        project.pipelines_created += 1
        pipeline.iid = project.pipelines_created
        if plan is not None:
            pipeline.name, pipeline.auto_cancel = plan.name, plan.auto_cancel
            pipeline.jobs = [_job(state.next_id("job"), pipeline, planned) for planned in plan.jobs]
        state.save_project(project)
        state.save_pipeline(pipeline)
        if plan is not None:
            cancel_redundant(world, pipeline)
            advance(state, pipeline)
    return pipeline


def _job(number: int, pipeline: Pipeline, planned: PlannedJob) -> Job:
    needs = None if planned.needs is None else [{"job": n.job, "artifacts": n.artifacts} for n in planned.needs]
    return Job(
        id=number,
        pipeline_id=pipeline.id,
        project_id=pipeline.project_id,
        name=planned.name,
        stage=planned.stage,
        stage_index=planned.stage_index,
        ref=pipeline.ref,
        tag=pipeline.tag,
        sha=pipeline.sha,
        user_id=pipeline.user_id,
        when=planned.when,
        allow_failure=planned.allow_failure,
        allow_failure_exit_codes=planned.allow_failure_exit_codes,
        spec={**planned.spec, "needs": needs, "dependencies": planned.dependencies},
        token=f"glcbt-64_{secrets.token_urlsafe(15)}",
    )
