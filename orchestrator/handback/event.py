"""The event: all that is taken from it is which build to look at."""

from __future__ import annotations

import re
from dataclasses import dataclass

from orchestrator.errors import Refused
from orchestrator.handback.settings import Settings

SOURCE = "aws.codebuild"
DETAIL_TYPE = "CodeBuild Build State Change"
_BUILD = re.compile(
    r"(?:arn:[a-z-]+:codebuild:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):build/)?"
    r"(?P<project>[A-Za-z0-9][A-Za-z0-9_-]{1,149}):"
    r"(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})"
)


@dataclass(frozen=True)
class BuildId:
    """A build of one of our projects: `<project>:<uuid>`."""

    project: str
    uuid: str

    def __str__(self) -> str:
        return f"{self.project}:{self.uuid}"


def build_id_of(event: object, settings: Settings) -> BuildId:
    """Return the build that an EventBridge event of CodeBuild is about; raises Refused for anything else.

    CodeBuild puts the build's ARN into `build-id`; the bare id is taken as well. The rest of the event (status,
    phase, variables) may be late, doubled or invented, so it is not looked at.
    """
    fields = event if isinstance(event, dict) else {}
    detail = fields.get("detail")
    named = detail.get("build-id") if isinstance(detail, dict) else None
    if fields.get("source") != SOURCE or fields.get("detail-type") != DETAIL_TYPE or not isinstance(named, str):
        raise _refused("this is not an event about the state of a build", f"`{DETAIL_TYPE}` of {SOURCE}", fields)
    match = _BUILD.fullmatch(named)
    if match is None:
        raise _refused("this is not a build id", "`<CodeBuild project>:<uuid>` or its ARN", named)
    foreign = match["account"] and (match["account"], match["region"]) != (settings.account, settings.region)
    if foreign or match["project"] not in settings.projects:
        raise _refused(
            f"the build `{named[:300]}` is not one of this project's",
            f"account {settings.account}, region {settings.region}, one of {len(settings.projects)} CodeBuild projects",
            named,
        )
    return BuildId(match["project"], match["uuid"])


def event_about(build: BuildId) -> dict[str, object]:
    """Return the smallest event about a build: what a dead letter keeps, and what can be sent again."""
    return {"source": SOURCE, "detail-type": DETAIL_TYPE, "detail": {"build-id": str(build)}}


def _refused(what: str, expected: str, observed: object) -> Refused:
    return Refused(
        what,
        detail=f"observed: {ascii(observed)[:300]}\nexpected: {expected}",
        hint="find out who called this function: only its EventBridge rules do",
    )
