"""Which build somebody means: by its id, its ARN, its UUID, or as much of that as nobody else has."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.plan.model import Plan
from orchestrator.plan.names import split_assembled_id, split_build_id
from orchestrator.ports import CodeBuild
from orchestrator.records import BuildRecord
from orchestrator.stages.earlier import SEARCHED_BUILDS

_ARN = re.compile(r"arn:[a-z-]+:codebuild:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):build/(?P<id>.+)", re.ASCII)
# As much as the part of a UUID before its first hyphen, which is what the tables show.
_PREFIX = re.compile(r"[0-9a-f]{8}[0-9a-f-]{0,27}", re.ASCII)
_SHOWN_IDS = 5
_HINT = "`orchestrator builds` lists the builds of this configuration"


def find_build(plan: Plan, text: str, codebuild: CodeBuild) -> BuildRecord:
    """Return the build that `text` names: its id, its ARN, its UUID, or at least 8 hex digits of the beginning of it.

    Raises `Refused` for a build of another project, region or account, `ConfigurationError` for a text that is no
    build's, for one that CodeBuild does not know (any longer), and for a beginning that several have.
    """
    return find_builds(plan, [text], codebuild)[0]


def find_builds(plan: Plan, texts: Sequence[str], codebuild: CodeBuild) -> list[BuildRecord]:
    """Return the builds that the texts name, in their order; raises what `find_build` raises, before any is used."""
    named = {text: _candidates(plan, text) for text in texts}
    wanted = [one for candidates in named.values() for one in candidates]
    known = dict(codebuild.builds(wanted)) if wanted else {}
    beginnings = [text for text, candidates in named.items() if not candidates]
    listed = _listed(plan, codebuild) if beginnings else []
    return [_checked(text, _found(plan, text, named[text], known, listed)) for text in texts]


def _candidates(plan: Plan, text: str) -> list[str]:
    """Return the ids that a text may stand for; none for the beginning of one. Raises for what can be none."""
    arn = _ARN.fullmatch(text)
    if arn and arn["region"] != plan.region:
        raise Refused(
            f"`{arn['id'][:200]}` is a build of another region",
            detail=f"observed: {arn['region']}\nexpected: {plan.region}",
            hint=_HINT,
        )
    name = arn["id"] if arn else text
    parts = split_build_id(name)
    if parts is not None:
        return [_own(plan, name, parts[0])]
    if split_assembled_id(text) is not None:
        raise ConfigurationError(
            "this package was made in a GitLab job, not in CodeBuild",
            detail=f"observed: {text[:200]}",
            hint="its log is the log of that job; `orchestrator artifacts` knows the package",
        )
    uuids = [f"{project}:{name}" for project in sorted(plan.by_codebuild_project())]
    if not arn and split_build_id(uuids[0]) is not None:
        return uuids
    if arn or not _PREFIX.fullmatch(name):
        raise ConfigurationError(
            f"{text[:200]!a} is no build id",
            detail="expected: `<CodeBuild project>:<uuid>`, the UUID, or at least 8 hex digits of its beginning",
            hint=_HINT,
        )
    return []


def _own(plan: Plan, build_id: str, project: str) -> str:
    if project not in plan.by_codebuild_project():
        raise Refused(
            f"`{build_id}` is not a build of this project",
            detail=f"expected: `<project>:<uuid>` of {', '.join(sorted(plan.by_codebuild_project()))}",
            hint=f"name a build of this configuration; {_HINT}",
        )
    return build_id


def _listed(plan: Plan, codebuild: CodeBuild) -> list[BuildRecord]:
    """Return the newest builds of the configuration's projects, as far as they exist."""
    existing = codebuild.projects(sorted(plan.by_codebuild_project()))
    return [one for name in sorted(existing) for one in codebuild.newest(name, limit=SEARCHED_BUILDS)]


def _found(
    plan: Plan, text: str, candidates: Sequence[str], known: Mapping[str, BuildRecord], listed: Iterable[BuildRecord]
) -> BuildRecord:
    found = [known[one] for one in candidates if one in known]
    found = found or [one for one in listed if not candidates and one.uuid.startswith(text)]
    if len(found) == 1:
        return found[0]
    if found:
        several = [one.id for one in found[:_SHOWN_IDS]]
        raise ConfigurationError(
            f"several builds begin with `{text}`",
            detail="\n".join(several) + ("\n…" if len(found) > len(several) else ""),
            hint="write more of the id",
        )
    searched = "" if candidates else f", and is one of the newest {SEARCHED_BUILDS} of its project"
    raise ConfigurationError(
        f"CodeBuild knows no build `{text[:200]}`",
        detail=f"expected: one of {', '.join(sorted(plan.by_codebuild_project()))} in {plan.region} and in the account "
        f"of the credentials, that is less than a year old and was not deleted{searched}",
        hint=_HINT,
    )


def _checked(text: str, record: BuildRecord) -> BuildRecord:
    """Return the build if it is of the account that the text names, where it names one."""
    arn = _ARN.fullmatch(text)
    if arn and arn["account"] != record.account:
        raise Refused(
            f"`{record.id}` is a build of another account",
            detail=f"observed: {arn['account']}\nexpected: {record.account}, which the credentials belong to",
            hint="use credentials of the account that the build is in",
        )
    return record
