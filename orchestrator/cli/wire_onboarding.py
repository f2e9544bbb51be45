"""Hands `onboard` and `offboard` the real world, and what a project shall have in it."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path

from orchestrator.cli.screen import narrate
from orchestrator.config.load import load
from orchestrator.config.model import Configuration
from orchestrator.effects.account.buckets import AccountBuckets
from orchestrator.effects.account.published import PublishedParameters
from orchestrator.effects.account.sealed_parameters import SecretStore
from orchestrator.effects.git import GitCheckout
from orchestrator.effects.gitlab_project import RemoteProject
from orchestrator.effects.store import caller_account
from orchestrator.errors import ConfigurationError
from orchestrator.onboarding.ci_deploy import FOLDER, Deployable, deployable
from orchestrator.onboarding.ci_include import Component
from orchestrator.onboarding.look import Wanted, World
from orchestrator.onboarding.marks import Place
from orchestrator.onboarding.offboard import artifacts_of
from orchestrator.onboarding.settings_text import platform_settings
from orchestrator.onboarding.steps import EmptyBucket
from orchestrator.onboarding_ports import CiVariable
from orchestrator.patience import Patience
from orchestrator.platform_outputs import ROOT, OutdatedPlatformError, PlatformOutputs, ProjectAccess, read_outputs
from orchestrator.vocabulary import Return

_PATIENCE = Patience(tell=narrate)
_PAUSE_SECONDS = 1.0
_LONGEST_BUCKET_NAME = 63


def onboarding(
    config: Path, environment: Mapping[str, str], *, component: str, token_days: int
) -> tuple[Wanted, World]:
    """Return what the project of a configuration shall have, and the world it is in."""
    configuration = load(config, environment)
    region = configuration.region
    project, token = _gitlab_project(configuration), _token(environment)
    account = caller_account(region, _PATIENCE)
    outputs = platform(region)
    world = World(
        gitlab=RemoteProject(configuration.gitlab.url, project, token, _PATIENCE),
        parameters=SecretStore(region, _PATIENCE),
        elsewhere=_elsewhere(region, environment),
        buckets=AccountBuckets(account, region, _PATIENCE),
        narrate=narrate,
        pause=lambda: time.sleep(_PAUSE_SECONDS),
    )
    return _wanted(config, environment, configuration, account, outputs, component, token_days), world


def platform(region: str) -> PlatformOutputs | None:
    """Return what the platform of a region has published; None without one."""
    try:
        return read_outputs(PublishedParameters(region, _PATIENCE).below(ROOT))
    except OutdatedPlatformError as error:
        raise ConfigurationError(
            f"the platform in {region} cannot be used",
            detail=f"observed: {error.observed}\nexpected: what `orchestrator platform apply` publishes now",
            hint="run `orchestrator platform apply`, with the same version as here",
        ) from error


def packages_of(wanted: Wanted, config: Path, environment: Mapping[str, str]) -> EmptyBucket:
    """Return where the packages of a project lie, by its configuration or else by the platform."""
    artifacts = load(config, environment).artifacts
    known = wanted.settings.get("artifacts", {})
    return artifacts_of(artifacts.bucket or known.get("bucket"), artifacts.prefix or known.get("prefix", ""))


def _wanted(
    config: Path,
    environment: Mapping[str, str],
    configuration: Configuration,
    account: str,
    outputs: PlatformOutputs | None,
    component: str,
    token_days: int,
) -> Wanted:
    folder = config.absolute().parent.resolve()
    place = Place(account, configuration.region, configuration.project)
    access = outputs.projects.get(configuration.project) if outputs else None
    if outputs and not access:
        narrate(f"the platform has no project `{configuration.project}`: add it to platform.yml for its roles")
    base = GitCheckout(folder, environment).place()
    today = datetime.now(timezone.utc).date()
    bucket = configuration.artifacts.bucket or (outputs.bucket if outputs and access else None)
    return Wanted(
        place=place,
        server=configuration.gitlab.url,
        parameter=configuration.trigger.token_parameter,
        component=Component(component, _inputs(base, outputs if access else None, configuration)),
        path=config.name if base == "." else f"{base}/{config.name}",
        configuration=config.read_bytes().decode("utf-8-sig"),
        settings=platform_settings(outputs, access) if outputs and access else {},
        variables=_variables(place, access) if access else (),
        key_arn=configuration.handback.token_key_arn if configuration.handback else None,
        expires_on=(today + timedelta(days=token_days)).isoformat() if token_days else None,
        today=today.isoformat(),
        needed=_needed(configuration),
        deployable=_deployable(folder, base),
        deploy_role=access.deploy_arn if access else None,
        bucket=bucket or _own_bucket(place),
        token=configuration.return_ is not Return.WAIT,
        trusted=access.gitlab_project if access else None,
    )


def _inputs(base: str, outputs: PlatformOutputs | None, configuration: Configuration) -> dict[str, str]:
    """Return the inputs of the component that are not its defaults."""
    directory = {} if base == "." else {"directory": base}
    other = outputs is not None and outputs.audience != configuration.gitlab.url
    waits = {"return": configuration.return_.value} if configuration.return_ is Return.WAIT else {}
    return {**directory, **waits, **({"audience": outputs.audience} if outputs and other else {})}


def _variables(place: Place, access: ProjectAccess) -> tuple[CiVariable, ...]:
    roles = {
        "ORCHESTRATOR_APPLY_ROLE_ARN": access.apply_arn,
        "ORCHESTRATOR_START_ROLE_ARN": access.start_arn,
        # For all environments: AWS cannot see which one a job has, so a scope would keep nobody out.
        "ORCHESTRATOR_DEPLOY_ROLE_ARN": access.deploy_arn,
    }
    return tuple(
        CiVariable(key, arn, protected=True, masked=True, description=place.mark) for key, arn in roles.items() if arn
    )


def _deployable(folder: Path, base: str) -> Deployable:
    """Return what this checkout has to deploy."""
    where = FOLDER if base == "." else f"{base}/{FOLDER}"
    found = sorted((folder / FOLDER).glob("*.tf"))
    texts = {f"{where}/{path.name}": path.read_text("utf-8", "replace") for path in found if path.is_file()}
    return deployable(where, texts)


def _needed(configuration: Configuration) -> dict[str, bool]:
    """Return the parameters that somebody has to store by hand, with whether they hold a secret."""
    clone = configuration.clone
    return {clone.token_parameter: True, clone.username_parameter: False} if clone else {}


def _own_bucket(place: Place) -> str | None:
    """Return the name of the bucket that prebuild makes, None where Terraform shortens it."""
    name = f"{place.project}-{place.account}-{place.region}"
    return name if len(name) <= _LONGEST_BUCKET_NAME and not place.project.endswith("-") else None


def _elsewhere(region: str, environment: Mapping[str, str]) -> SecretStore | None:
    other = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    return SecretStore(other, _PATIENCE) if other and other != region else None


def _gitlab_project(configuration: Configuration) -> str:
    if configuration.gitlab.project is None:
        raise ConfigurationError(
            "the GitLab project is not known",
            detail="observed: no `gitlab.project`, and this is no CI job\nexpected: its id or path",
            hint="write `gitlab: {project: group/name}` into orchestrator.yml",
        )
    return str(configuration.gitlab.project)


def _token(environment: Mapping[str, str]) -> str:
    token = environment.get("ORCHESTRATOR_GITLAB_TOKEN") or environment.get("GITLAB_TOKEN")
    if not token:
        raise ConfigurationError(
            "there is no token for GitLab's API",
            detail="observed: neither ORCHESTRATOR_GITLAB_TOKEN nor GITLAB_TOKEN is set\n"
            "expected: a personal access token of a maintainer, with the scope `api`",
            hint="read it without showing it: `read -rs ORCHESTRATOR_GITLAB_TOKEN && export ORCHESTRATOR_GITLAB_TOKEN`",
        )
    return token
