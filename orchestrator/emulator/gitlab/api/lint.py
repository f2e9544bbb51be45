"""CI lint: what GitLab thinks of a configuration (docs: api/lint)."""

from __future__ import annotations

import yaml
from werkzeug import Response

from orchestrator.emulator.gitlab.api.call import Call, answer, invalid
from orchestrator.emulator.gitlab.api.routing import Routes
from orchestrator.emulator.gitlab.ci.errors import ConfigError, Filtered
from orchestrator.emulator.gitlab.ci.model import Config, PlannedJob
from orchestrator.emulator.gitlab.pipelines.create import Order, config_path, plan_pipeline, read_pipeline_config
from orchestrator.emulator.gitlab.records import DEVELOPER, NO_SHA, Json, Pipeline, Project

routes = Routes()


@routes.add("POST", "/projects/<project>/ci/lint")
def lint_text(call: Call) -> Response:
    """Check the `content` as if it were the project's configuration on the default branch."""
    project = call.project(DEVELOPER)
    content = call.text("content")
    if content is None:
        raise invalid("content is missing")
    ref = call.text("ref") or project.default_branch
    return answer(_lint(call, project, content, ref, call.text("ref") or "HEAD"))


@routes.add("GET", "/projects/<project>/ci/lint")
def lint_project(call: Call) -> Response:
    """Check the configuration at `content_ref`, by default that of the default branch."""
    project = call.project(DEVELOPER)
    ref = call.text("content_ref") or call.text("sha") or project.default_branch
    repository = call.world.repository(project)
    sha = repository.resolve(ref)
    content = repository.read(sha, config_path(project)) if sha else None
    if content is None:
        return answer(_verdict(["Please provide content of .gitlab-ci.yml"]))
    dry_ref = call.text("dry_run_ref") or call.text("ref") or ref
    return answer(_lint(call, project, content.decode("utf-8", "replace"), dry_ref, ref))


def _verdict(errors: list[str], merged: str | None = None) -> Json:
    return {"valid": not errors, "errors": errors, "warnings": [], "merged_yaml": merged, "includes": []}


def _lint(call: Call, project: Project, content: str, ref: str, place: str) -> Json:
    repository = call.world.repository(project)
    sha = repository.resolve(place)
    if sha is None:
        return _verdict(["Reference not found"])
    tag = ref in repository.tags() and ref not in repository.branches()
    user = call.caller.user.id
    number = project.pipelines_created + 1
    pipeline = Pipeline(0, number, project.id, ref, tag, sha, NO_SHA, "push", user)
    if not content.strip():
        return _verdict(["Please provide content of .gitlab-ci.yml"])
    jobs: list[PlannedJob] = []
    errors: list[str] = []
    try:
        config, plan = plan_pipeline(call.world, call.caller, pipeline, content, Order(project, ref, "push"))
        jobs = plan.jobs
    except ConfigError as broken:
        return _verdict(broken.problems)
    except Filtered as reason:
        config, errors = _without_rules(call, project, pipeline, content), [str(reason)]
    verdict = _verdict(errors if call.flag("dry_run") else [], _merged(config))
    verdict["includes"] = config.includes
    if call.flag("include_jobs"):
        verdict["jobs"] = [_job(item) for item in jobs]
    return verdict


def _without_rules(call: Call, project: Project, pipeline: Pipeline, content: str) -> Config:
    return read_pipeline_config(call.world, call.caller, pipeline, content, Order(project, pipeline.ref, "push"))[0]


def _merged(config: Config) -> str:
    return yaml.safe_dump(config.merged, sort_keys=False, allow_unicode=True, default_flow_style=False)


def _job(item: PlannedJob) -> Json:
    return {
        "name": item.name,
        "stage": item.stage,
        "before_script": item.spec["before_script"],
        "script": item.spec["script"],
        "after_script": item.spec["after_script"],
        "tag_list": item.spec["tags"],
        "when": item.when,
        "allow_failure": item.allow_failure,
        "environment": (item.spec.get("environment") or {}).get("name"),
        "needs": None if item.needs is None else [{"name": need.job} for need in item.needs],
    }
