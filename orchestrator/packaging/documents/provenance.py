"""The provenance of a package: an in-toto statement (v1) with the SLSA predicate (v1) about how it was made.

docs/documents.md describes what `BUILD_TYPE` stands for, parameter by parameter.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from typing import Any

from orchestrator.packaging.documents.addresses import public_address
from orchestrator.packaging.documents.model import Origin, PackageFacts
from orchestrator.packaging.lock.model import LockedSource
from orchestrator.packaging.wheels.model import Wheel

STATEMENT_TYPE = "https://in-toto.io/Statement/v1"
PREDICATE_TYPE = "https://slsa.dev/provenance/v1"
BUILD_TYPE = "urn:orchestrator:package-build:1"
# Who vouches for a package that somebody made at a terminal: nobody but that person.
LOCAL_BUILDER = "urn:orchestrator:builder:local-command"
JOB_BUILDER = "urn:orchestrator:builder:gitlab-job"


def provenance(facts: PackageFacts, origin: Origin) -> bytes:
    """Return the statement as JSON; it says nothing that was not handed in."""
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": "package.zip", "digest": {"sha256": facts.sha256.hex()}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": _external(facts, origin),
                "internalParameters": _filled(
                    {
                        "compressor": facts.assembled.compressor,
                        "system": facts.target.runtime.system,
                        "pipelineId": origin.pipeline_id,
                        "buildNumber": origin.build_number,
                        "jobUrl": origin.job_url,
                        "image": origin.image,
                    }
                ),
                "resolvedDependencies": list(_dependencies(facts, origin)),
            },
            "runDetails": {
                "builder": {"id": builder_of(origin.build_arn, origin.build_id)},
                "metadata": _filled(
                    {
                        "invocationId": origin.invocation,
                        "startedOn": _time(origin.started),
                        "finishedOn": _time(origin.finished),
                    }
                ),
            },
        },
    }
    return (json.dumps(document, indent=2, sort_keys=True) + "\n").encode()


def _external(facts: PackageFacts, origin: Origin) -> dict[str, Any]:
    """Return what somebody outside of the build has decided; SLSA asks for all of it."""
    asked = facts.asked
    return _filled(
        {
            "project": origin.project,
            "package": origin.package,
            "commit": origin.commit,
            "ref": origin.ref,
            "kind": facts.kind,
            "architecture": facts.target.architecture,
            "runtime": facts.target.runtime.name,
            "source": asked.source,
            "requirements": asked.requirements,
            "environment": dict(asked.environment),
            "systemPackages": asked.system_packages,
            "commands": list(asked.commands),
            "output": asked.output,
            "exclude": list(asked.exclude),
            "bytecode": asked.bytecode,
            "smoke": list(asked.smoke),
            "allowPure": list(asked.allow_pure),
            "allow": [
                {"rule": item.rule.value, "file": item.file, "subject": item.subject, "reason": item.reason}
                for item in asked.allow
            ],
        }
    )


def _dependencies(facts: PackageFacts, origin: Origin) -> Iterator[dict[str, Any]]:
    if origin.commit:
        address = f"git+{origin.repository}@{origin.commit}" if origin.repository else ""
        yield _filled({"uri": address, "digest": {"gitCommit": origin.commit}, "name": "commit"})
    if origin.snapshot_sha256:
        yield {"name": "snapshot", "digest": {"sha256": origin.snapshot_sha256}}
    yield {"name": "source", "digest": {"sha256": facts.source_sha256}}
    if facts.plan:
        yield {"name": "lock", "digest": {"sha256": hashlib.sha256(facts.plan.text).hexdigest()}}
    for wheel in sorted(facts.wheels, key=lambda wheel: wheel.name):
        yield _wheel(wheel)
        if wheel.source_sha256:
            yield _filled(
                {
                    "name": f"{wheel} (source)",
                    "digest": {"sha256": wheel.source_sha256},
                    "uri": public_address(wheel.url),
                }
            )
    for package in facts.plan.packages if facts.plan else ():
        if package.source is not None and package.source.commit:
            yield _repository(str(package), package.source)
    if origin.image:
        name, _, digest = origin.image.partition("@sha256:")
        yield _filled({"uri": f"docker:{name}", "name": "image", "digest": {"sha256": digest} if digest else {}})
    if origin.tool_sha256:
        yield {"name": "orchestrator.pyz", "digest": {"sha256": origin.tool_sha256}}


def _wheel(wheel: Wheel) -> dict[str, Any]:
    return _filled(
        {
            "name": str(wheel),
            "digest": {"sha256": wheel.sha256},
            "uri": "" if wheel.compiled else public_address(wheel.url),
            "annotations": {"compiled": True} if wheel.compiled else {},
        }
    )


def _repository(name: str, source: LockedSource) -> dict[str, Any]:
    uri = f"{source.vcs}+{public_address(source.url or '')}@{source.commit}"
    return {"name": f"{name} (source)", "uri": uri, "digest": {"gitCommit": source.commit}}


def builder_of(build_arn: str, build_id: str) -> str:
    """Return who vouches for a package: the CodeBuild project as an ARN, a job of GitLab, or a person."""
    if build_arn:
        arn, _, build = build_arn.partition(":build/")
        return f"{arn}:project/{build.partition(':')[0]}"
    return JOB_BUILDER if build_id else LOCAL_BUILDER


def _time(text: str) -> str:
    """Return a time in UTC as in-toto spells it, with a `Z`."""
    return text.replace("+00:00", "Z")


def _filled(members: dict[str, Any]) -> dict[str, Any]:
    """Return the members that say something."""
    return {name: value for name, value in members.items() if value}
