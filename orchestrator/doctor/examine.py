"""The story of `doctor`: look everywhere at once; a probe that fails is a finding as well."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import datetime
from functools import partial

from orchestrator.doctor import account, here, project
from orchestrator.doctor.ailments import UNSEEN, found, unseen
from orchestrator.doctor_ports import ExaminedAccount, ExaminedProject, Identity, LocalMachine
from orchestrator.errors import ConfigurationError
from orchestrator.findings import Finding, Weight
from orchestrator.plan.model import Plan
from orchestrator.ports import PublishedValues

_AT_ONCE = 8
Probe = tuple[str, Callable[[], Iterable[Finding]]]


@dataclass(frozen=True)
class Doctorable:
    """What `doctor` looks at. `account` is None offline, `project` None offline and without a token for it.

    `elsewhere` are other regions where a missing parameter may be. `now` has a time zone.
    """

    machine: LocalMachine
    account: ExaminedAccount | None
    published: PublishedValues | None
    project: ExaminedProject | None
    elsewhere: Sequence[str]
    offline: bool
    now: Callable[[], datetime]


def examine(plan: Plan, world: Doctorable) -> list[Finding]:
    """Return everything that is wrong, and everything that nobody could look at."""
    with ThreadPoolExecutor(_AT_ONCE) as pool:
        local = [pool.submit(_look, probe) for probe in _here(world)]
        local.append(pool.submit(_gitlab, plan, world))
        remote = []
        identity, told = _identity(world)
        if identity is not None:
            remote = [pool.submit(_look, probe) for probe in _aws(plan, world, identity)]
        return [finding for future in local for finding in future.result()] + [
            *told,
            *(finding for future in remote for finding in future.result()),
        ]


def _look(probe: Probe) -> list[Finding]:
    name, findings = probe
    try:
        return list(findings())
    except Exception as error:  # noqa: BLE001 - a probe that fails is a finding, never the end of the others
        return [unseen(name, error)]


def _here(world: Doctorable) -> list[Probe]:
    probes: list[Probe] = [
        ("terraform", partial(here.terraform, world.machine)),
        ("AWS provider", partial(here.provider, world.machine, offline=world.offline)),
    ]
    if world.account is not None:
        # Not among those that need an identity: with a wrong clock there is none.
        probes.append(("clock", partial(account.clock, world.account, world.now)))
    return probes


def _gitlab(plan: Plan, world: Doctorable) -> list[Finding]:
    """Return what is wrong at GitLab; with a token that it does not accept nothing else is asked."""
    if world.offline:
        return []
    if world.project is None:
        what, fix = "there is no token to ask GitLab with", "export ORCHESTRATOR_GITLAB_TOKEN, with the scope `api`"
        return [Finding("gitlab", Weight.UNKNOWN, plan.gitlab.url, what, UNSEEN, fix)]
    today = world.now().date()
    try:
        facts = world.project.token()
    except Exception as error:  # noqa: BLE001 - see `_look`
        told = [unseen("GitLab token", error)]
    else:
        told = list(project.token(facts, today))
        if project.is_dead(facts, today):
            return told
    probes: list[Probe] = [
        ("GitLab version", partial(project.version, plan, world.project)),
        ("GitLab project", partial(project.project, plan, world.project, today)),
    ]
    return [*told, *(finding for probe in probes for finding in _look(probe))]


def _identity(world: Doctorable) -> tuple[Identity | None, list[Finding]]:
    """Return who asks AWS; without that nothing else in AWS can be looked at, which is said once."""
    if world.account is None:
        return None, []
    try:
        return world.account.identity(), []
    except ConfigurationError as error:
        cause = found("aws-identity", "AWS", f"{error.what} ({error.detail})", error.hint)
    except Exception as error:  # noqa: BLE001 - see `_look`
        cause = unseen("aws-identity", error)
    rest = "region, images, quotas, parameters and buckets were not looked at"
    return None, [cause, Finding("aws", Weight.UNKNOWN, "AWS", rest, UNSEEN, cause.fix)]


def _aws(plan: Plan, world: Doctorable, identity: Identity) -> list[Probe]:
    asked = world.account
    assert asked is not None  # noqa: S101 - it has told the identity
    probes: list[Probe] = [
        ("images", partial(account.images, plan, asked)),
        ("quotas", partial(account.quotas, plan, asked)),
        ("parameters", partial(account.parameters, plan, asked, world.elsewhere)),
        ("buckets", partial(account.buckets, plan, asked, identity)),
    ]
    if world.published is not None:
        probes.append(("platform", partial(account.platform, plan, world.published)))
    return probes
