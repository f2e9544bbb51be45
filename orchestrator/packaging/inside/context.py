"""What CodeBuild and StartBuild tell the build about itself, read once from the environment and checked."""

from __future__ import annotations

import os
import re
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass

from orchestrator.errors import ConfigurationError, OrchestratorError, Refused
from orchestrator.packaging.inside.settings import Settings, parse_prefix, parse_settings

_SHA = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_BUILD_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{1,149}:[0-9a-f-]{36}")
_BUILD_ARN = re.compile(r"arn:[a-z-]+:codebuild:(?P<region>[a-z0-9-]+):(?P<account>[0-9]{12}):build/(?P<id>.+)")
_BUCKET = re.compile(r"[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]")
_PLAIN = re.compile(r"[A-Za-z0-9_.:=/+-]*")


@dataclass(frozen=True)
class Build:
    """One CodeBuild build. `snapshot_sha256` is empty when the commit is cloned, `ref` when nobody is to be called."""

    settings: Settings
    commit: str
    ref: str
    snapshot_sha256: str
    pipeline_id: str
    build_id: str
    build_arn: str
    build_number: str
    image: str
    account: str
    bucket: str
    prefix: str
    tool_sha256: str
    succeeding: bool

    def key(self, *parts: str) -> str:
        """Return an S3 key below the prefix."""
        return "/".join((self.prefix, *parts) if self.prefix else parts)

    def artifact_key(self, name: str) -> str:
        """Return the key of a file that this build, and no other, delivers."""
        project, _, uuid = self.build_id.partition(":")
        return self.key("artifacts", project, self.commit, uuid, name)


def read_build(environ: Mapping[str, str] = os.environ) -> Build:
    """Read the build; raises ConfigurationError (missing) or Refused (present, and not what it must be)."""
    settings = parse_settings(_required(environ, "ORCHESTRATOR_SETTINGS"))
    build_id = _matching(environ, "CODEBUILD_BUILD_ID", _BUILD_ID, "`project:uuid`")
    arn = _required(environ, "CODEBUILD_BUILD_ARN")
    parts = _BUILD_ARN.fullmatch(arn)
    if not parts or parts["id"] != build_id:
        raise _refused("CODEBUILD_BUILD_ARN", arn, f"the ARN of build `{build_id}`")
    return Build(
        settings=settings,
        commit=_matching(environ, "ORCHESTRATOR_COMMIT_SHA", _SHA, "40 hexadecimal digits"),
        ref=_ref(environ),
        snapshot_sha256="" if settings.clone else _digest(environ, "ORCHESTRATOR_SNAPSHOT_SHA256"),
        pipeline_id=_matching(environ, "ORCHESTRATOR_PIPELINE_ID", _PLAIN, "a plain id", default=""),
        build_id=build_id,
        build_arn=arn,
        build_number=_matching(environ, "CODEBUILD_BUILD_NUMBER", _PLAIN, "a number", default=""),
        image=environ.get("CODEBUILD_BUILD_IMAGE", ""),
        account=parts["account"],
        bucket=_matching(environ, "ORCHESTRATOR_BUCKET", _BUCKET, "the name of a bucket"),
        prefix=parse_prefix(environ.get("ORCHESTRATOR_PREFIX", settings.prefix)),
        tool_sha256=_digest(environ, "ORCHESTRATOR_TOOL_SHA256"),
        succeeding=environ.get("CODEBUILD_BUILD_SUCCEEDING") == "1",
    )


def _required(environ: Mapping[str, str], name: str) -> str:
    value = environ.get(name, "")
    if not value:
        raise ConfigurationError(
            f"the variable {name} is not set",
            detail="observed: nothing, expected: set by CodeBuild, by the buildspec or by `orchestrator build`",
            hint="start the build with `orchestrator build`",
        )
    return value


def _matching(
    environ: Mapping[str, str], name: str, pattern: re.Pattern[str], expected: str, default: str | None = None
) -> str:
    value = _required(environ, name) if default is None else environ.get(name, default)
    if not pattern.fullmatch(value):
        raise _refused(name, value, expected)
    return value


def _digest(environ: Mapping[str, str], name: str) -> str:
    return _matching(environ, name, _SHA256, "64 hexadecimal digits")


def _ref(environ: Mapping[str, str]) -> str:
    """Return the branch or tag, which is only ever data; control characters cannot be part of one (git).

    It is there and empty for a build whose package stays with whoever has asked for it (`rerun --local`).
    """
    ref = environ["ORCHESTRATOR_REF"] if "ORCHESTRATOR_REF" in environ else _required(environ, "ORCHESTRATOR_REF")
    if any(unicodedata.category(character) in {"Cc", "Cs"} for character in ref):
        raise _refused("ORCHESTRATOR_REF", ref, "the name of a branch or tag")
    return ref


def _refused(name: str, value: str, expected: str) -> OrchestratorError:
    return Refused(
        f"the variable {name} is not what it must be",
        detail=f"observed: {value[:200]!a}, expected: {expected}",
        hint="start the build with `orchestrator build`, and find out who started this one",
    )
