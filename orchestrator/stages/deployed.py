"""Looks at what an environment runs now: the version behind each alias, its bytes, its processor; and calls it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, Refused
from orchestrator.ports import Clock, Functions, Narrator
from orchestrator.records import FunctionRecord
from orchestrator.render.terminal import printable
from orchestrator.stages.verified import Verified

_PAUSE_SECONDS = 2.0
_DEADLINE_SECONDS = 120.0
_LONGEST_ANSWER = 300
_LAST_LINES = 15
_TOLD = {"alias", "name", "version"}


@dataclass(frozen=True)
class Check:
    """Who is asked about an environment, and who is told."""

    environment: str
    functions: Functions
    clock: Clock
    narrate: Narrator


def check_deployed(
    packages: Mapping[str, Verified], outputs: Mapping[str, Any], check: Check, events: Mapping[str, bytes] | None
) -> None:
    """Compare what AWS has with what was verified; with `events` also call each function that has one.

    `outputs` are those of the root: `deployed` has the output of the module `lambda-package` under each package's name.
    """
    deployed = _places(outputs.get("deployed"), packages)
    for name, package in packages.items():
        place = deployed[name]
        if package.kind == "layer":
            _check_layer(package, place, check)
        else:
            _check_function(package, place, check)
            if events is not None:
                _call(package, place, check, events.get(name))


def _places(deployed: Any, packages: Mapping[str, Verified]) -> Mapping[str, Mapping[str, Any]]:
    """Return where each package was deployed to; the root is the user's own, so its output may be anything."""
    found = deployed if isinstance(deployed, Mapping) else {}
    right = {name for name, place in found.items() if isinstance(place, Mapping) and set(place) >= _TOLD}
    if right != set(packages) or len(found) != len(right):
        raise ConfigurationError(
            "the Terraform output `deployed` is not that of the packages",
            detail=f"observed: {', '.join(sorted(right)) or 'none of them'}\nexpected: {', '.join(sorted(packages))}",
            hint='write `output "deployed" { value = { <package> = module.<module>.deployed, … } }`',
        )
    return found


def _check_layer(package: Verified, place: Mapping[str, Any], check: Check) -> None:
    digest = check.functions.layer_sha256(str(place["name"]), int(place["version"]))
    _compare(f"version {place['version']} of the layer `{place['name']}`", {"sha256": (digest, package.sha256_base64)})
    check.narrate(f"{package.package}: {place['name']} is version {place['version']}, with the verified bytes")


def _check_function(package: Verified, place: Mapping[str, Any], check: Check) -> None:
    name, alias = str(place["name"]), str(place["alias"])
    record = _settled(name, alias, check)
    _compare(
        f"the alias `{alias}` of `{name}`",
        {
            "alias": (alias, check.environment),
            "version": (record.version, str(place["version"])),
            "sha256": (record.code_sha256, package.sha256_base64),
            "architecture": (record.architecture, package.architecture),
        },
    )
    check.narrate(
        f"{package.package}: {name}:{alias} is version {record.version} for {record.architecture}, {record.state}, "
        "with the verified bytes"
    )


def _compare(subject: str, facts: Mapping[str, tuple[str, str]]) -> None:
    wrong = [f"{name}: observed {seen!a:.200}, expected {wanted!a}" for name, (seen, wanted) in facts.items()
             if seen != wanted]  # fmt: skip
    if wrong:
        raise Refused(
            f"{subject} is not what was verified",
            detail="\n".join(wrong),
            hint="find out who else changes it, and run the job again",
        )


def _settled(name: str, alias: str, check: Check) -> FunctionRecord:
    """Return the function once Lambda has made it ready (Lambda docs: functions-states)."""
    end = check.clock.monotonic() + _DEADLINE_SECONDS
    while True:
        record = check.functions.function(name, alias)
        if record.state == "Failed" or record.update == "Failed":
            raise MachineryError(
                f"Lambda could not make `{name}` ready",
                detail=f"observed: {printable(record.reason) or record.state}\nexpected: Active",
                hint="correct what Lambda names, and run the job again",
            )
        # A function that was not called for weeks is Inactive, and wakes when it is called.
        if record.state in {"Active", "Inactive"} and record.update != "InProgress":
            return record
        if check.clock.monotonic() >= end:
            raise MachineryError(
                f"`{name}` is not ready after {_DEADLINE_SECONDS:.0f} seconds",
                detail=f"observed: {record.state}, {record.update}\nexpected: Active",
                hint="retry the job",
            )
        check.clock.sleep(_PAUSE_SECONDS)


def _call(package: Verified, place: Mapping[str, Any], check: Check, event: bytes | None) -> None:
    subject = f"{place['name']}:{place['alias']}"
    if event is None:
        check.narrate(f"{package.package}: not called, because there is no events/{package.package}.json")
        return
    answer = check.functions.call(str(place["name"]), str(place["alias"]), event)
    if answer.not_run:
        check.narrate(f"{package.package}: not called: {printable(answer.not_run)}")
        return
    said = printable(answer.payload)[:_LONGEST_ANSWER]
    if answer.failed:
        last = "\n".join(printable(answer.log).splitlines()[-_LAST_LINES:])
        raise BuildFailed(
            f"`{subject}` failed when it was called",
            detail=f"event: events/{package.package}.json\nanswer: {said}\nlast lines of the log:\n{last}",
            hint="correct the function, its settings, or the event",
        )
    check.narrate(f"{package.package}: {subject} answered {said}")
