"""What is there now, and what shall be: the two values that decide what `onboard` and `offboard` do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from orchestrator.onboarding.ci_deploy import Deployable, deploy_component
from orchestrator.onboarding.ci_file import colliding_jobs, with_component
from orchestrator.onboarding.ci_include import Component, included
from orchestrator.onboarding.ci_stages import PREFIX
from orchestrator.onboarding.marks import Place
from orchestrator.onboarding.settings_text import with_settings
from orchestrator.onboarding.yaml_text import data_of
from orchestrator.onboarding_ports import (
    Buckets,
    CiVariable,
    GitLabFacts,
    GitLabProject,
    MergeRequest,
    SealedParameters,
    StoredParameter,
    TriggerToken,
    Verdict,
)
from orchestrator.ports import Narrator


@dataclass(frozen=True)
class Wanted:
    """What a project shall have.

    `configuration` is the text of `orchestrator.yml` in this checkout, `path` where it lies in the repository.
    `settings` are those that the platform offers. `token` tells whether builds come home with a trigger token in
    `parameter`; without one nothing is made or stored, and what was made before stays. `needed` are parameters that
    must be there already, with whether they hold a secret. `deployable` is what the component `deploy` would deploy.
    `trusted` is the GitLab project whose jobs take the roles of the platform, None without them.
    """

    place: Place
    server: str
    parameter: str
    component: Component
    path: str
    configuration: str
    settings: Mapping[str, Any] = field(default_factory=dict)
    variables: Sequence[CiVariable] = ()
    key_arn: str | None = None
    expires_on: str | None = None
    today: str = ""
    needed: Mapping[str, bool] = field(default_factory=dict)
    deployable: Deployable = field(default_factory=lambda: Deployable(()))
    deploy_role: str | None = None
    bucket: str | None = None
    token: bool = True
    trusted: str | None = None


@dataclass(frozen=True)
class Files:
    """What the repository shall hold: the text of each file that differs on the default branch, by path.

    `deploy` is the component that is added, None if it is there already or there is nothing to deploy. `unpushed` is a
    file that it needs, and that the default branch does not have. `present` are the components that were there before.
    """

    changes: Mapping[str, tuple[bool, str]]
    verdict: Verdict | None
    deploy: Component | None = None
    unpushed: str = ""
    present: Sequence[Component] = ()

    @property
    def texts(self) -> dict[str, str]:
        """Return the texts by path."""
        return {path: text for path, (_, text) in self.changes.items()}


@dataclass(frozen=True)
class Observed:
    """What is there."""

    facts: GitLabFacts
    tokens: Sequence[TriggerToken]
    variables: Sequence[CiVariable]
    parameters: Mapping[str, StoredParameter]
    elsewhere: Mapping[str, str]
    requests: Sequence[MergeRequest]
    branch_message: str | None
    files: Files | None


@dataclass(frozen=True)
class World:
    """What `onboard` and `offboard` touch; `elsewhere` is the region of the environment, if that is another one."""

    gitlab: GitLabProject
    parameters: SealedParameters
    elsewhere: SealedParameters | None
    buckets: Buckets
    narrate: Narrator
    pause: Callable[[], object]


def look(world: World, wanted: Wanted) -> Observed:
    """Return what is there; raises ConfigurationError for a `.gitlab-ci.yml` to which nothing can be added."""
    facts = world.gitlab.facts()
    may_look = facts.caller.role >= _MAY_LOOK and bool(facts.default_branch)
    names = [wanted.parameter, *wanted.needed]
    return Observed(
        facts=facts,
        tokens=world.gitlab.tokens() if may_look else (),
        variables=world.gitlab.variables() if may_look else (),
        parameters=world.parameters.look(names),
        elsewhere=_elsewhere(world, names),
        requests=world.gitlab.merge_requests(wanted.place.branch) if may_look else (),
        branch_message=world.gitlab.branch_message(wanted.place.branch) if may_look else None,
        files=_files(world, wanted, facts) if may_look and _own_file(facts) else None,
    )


_MAY_LOOK = 40  # Maintainer: GitLab shows tokens and variables to nobody below


def _own_file(facts: GitLabFacts) -> bool:
    """Tell whether the pipeline is configured by a file of this repository."""
    return "@" not in facts.config_path and "://" not in facts.config_path


def _elsewhere(world: World, names: Sequence[str]) -> dict[str, str]:
    if world.elsewhere is None:
        return {}
    return dict.fromkeys(world.elsewhere.look(names), world.elsewhere.region)


def _files(world: World, wanted: Wanted, facts: GitLabFacts) -> Files:
    known = {path: world.gitlab.read(path, facts.default_branch) for path in (wanted.path, facts.config_path)}
    committed = wanted.configuration if known[wanted.path] is None else known[wanted.path]
    configuration = with_settings(committed or "", wanted.settings, wanted.path)
    pipeline, deploy = _pipeline(world, wanted, known[facts.config_path], facts.config_path)
    texts = {wanted.path: configuration, facts.config_path: pipeline}
    changes = {path: (known[path] is None, text) for path, text in texts.items() if known[path] != text}
    verdict = world.gitlab.lint(pipeline) if facts.config_path in changes else None
    unpushed = _unpushed(world, wanted, facts) if deploy else ""
    ours = (wanted.component, wanted.component.sibling("deploy", {}))
    found = [_included(known[facts.config_path], item) for item in ours]
    return Files(changes, verdict, deploy, unpushed, [item for item in found if item])


def _unpushed(world: World, wanted: Wanted, facts: GitLabFacts) -> str:
    """Return a file of what shall be deployed that the default branch lacks; all of them came by one push, or none."""
    first = next(iter(wanted.deployable.files), "")
    return "" if not first or world.gitlab.read(first, facts.default_branch) is not None else first


def _pipeline(world: World, wanted: Wanted, text: str | None, path: str) -> tuple[str, Component | None]:
    """Return the pipeline's configuration with our components, and the one that deploys, where that is new.

    Their jobs are renamed where others have the names.
    """
    merged = world.gitlab.lint(text).merged if text and text.strip() else {}
    theirs = _included(text, wanted.component)
    component = theirs or _renamed(wanted.component, merged)
    stages = merged.get("stages")
    known = stages if isinstance(stages, list) else None
    if not wanted.deployable.files:
        return with_component(text, component, known, path), None
    deploying = deploy_component(component, merged)
    after = with_component(text, component, known, path, deploying=deploying)
    return after, None if _included(text, deploying) else _included(after, deploying)


def _renamed(component: Component, merged: Mapping[str, Any]) -> Component:
    renamed = {f"{name}_job": f"{PREFIX}{name}" for name in colliding_jobs(merged)}
    return replace(component, inputs={**component.inputs, **renamed})


def _included(text: str | None, component: Component) -> Component | None:
    try:
        return included(data_of((text or "").removeprefix("\ufeff")).get("include"), component)
    except Exception:  # noqa: BLE001 - whatever is wrong with the file is told when it is to be changed
        return None
