"""The build as CodeBuild tells it: where it came from, and that it has ended."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.errors import MachineryError, Refused
from orchestrator.handback.aws import client, wrapped
from orchestrator.handback.event import BuildId

_SHA = re.compile(r"[0-9a-f]{40}")
_NUMBER = re.compile(r"[0-9]{0,20}")
_REF_LIMIT = 1024


@dataclass(frozen=True)
class Ended:
    """A build that has ended, and the ref, commit and pipeline it was started for."""

    id: BuildId
    status: str
    ref: str
    commit: str
    pipeline_id: str


def read_build(build: BuildId, region: str) -> Ended | None:
    """Ask CodeBuild about a build; return None for one that no pipeline waits for.

    Raises MachineryError while CodeBuild does not know it or says that it still runs (its answers and its events
    need not agree at once), Refused when its variables are not what `orchestrator build` sends.
    """
    what = f"cannot read the build `{build}`"
    with wrapped(what):
        answer = client("codebuild", region).batch_get_builds(ids=[str(build)])
    found = answer.get("builds") or []
    if not found:
        raise MachineryError(what, detail="observed: CodeBuild does not know it (yet)", hint="it is asked again")
    record: Mapping[str, Any] = found[0]
    if (record.get("id"), record.get("projectName")) != (str(build), build.project):
        raise Refused(what, detail=f"observed: CodeBuild answered about {ascii(record.get('id'))[:200]}")
    if record.get("buildComplete") is not True:
        status = ascii(record.get("buildStatus"))[:50]
        raise MachineryError(
            what, detail=f"observed: {status}, not complete\nexpected: complete", hint="it is asked again"
        )
    return _ended(build, record)


def _ended(build: BuildId, record: Mapping[str, Any]) -> Ended | None:
    listed = record.get("environment", {}).get("environmentVariables") or []
    variables = {str(item.get("name")): str(item.get("value")) for item in listed if item.get("type") == "PLAINTEXT"}
    ref, commit = variables.get("ORCHESTRATOR_REF", ""), variables.get("ORCHESTRATOR_COMMIT_SHA", "")
    # Started by hand, or for somebody who fetches the package himself (`rerun --local`).
    if not ref:
        return None
    pipeline = variables.get("ORCHESTRATOR_PIPELINE_ID", "")
    _check(build, "ORCHESTRATOR_COMMIT_SHA", commit, bool(_SHA.fullmatch(commit)), "40 hexadecimal digits")
    _check(build, "ORCHESTRATOR_REF", ref, _is_ref(ref), "the name of a branch or tag")
    _check(build, "ORCHESTRATOR_PIPELINE_ID", pipeline, bool(_NUMBER.fullmatch(pipeline)), "a number or nothing")
    return Ended(build, str(record.get("buildStatus")), ref, commit, pipeline)


def _is_ref(text: str) -> bool:
    """Tell whether git could have such a ref; it is only ever data here, a field of a form."""
    printable = not any(unicodedata.category(character) in {"Cc", "Cs"} for character in text)
    return 0 < len(text) <= _REF_LIMIT and printable


def _check(build: BuildId, name: str, value: str, right: bool, expected: str) -> None:  # noqa: FBT001 - private
    if not right:
        raise Refused(
            f"the variable {name} of the build `{build}` is not what it must be",
            detail=f"observed: {ascii(value)[:200]}\nexpected: {expected}",
            hint="start builds with `orchestrator build`, and find out who started this one",
        )
