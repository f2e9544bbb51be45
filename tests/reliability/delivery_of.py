"""What an acted build stores: a small real package of its commit, its documents and its manifest."""

from __future__ import annotations

import base64
import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone

from orchestrator.packaging.documents.places import MANIFEST_NAME, NAMES, PACKAGE_NAME
from orchestrator.packaging.documents.provenance import BUILD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE
from orchestrator.plan.names import artifact_key


@dataclass(frozen=True)
class Acted:
    """A build as CodeBuild tells the one who acts it: its id, its ARN, and the variables it was started with."""

    id: str
    arn: str
    variables: Mapping[str, str]

    @property
    def commit(self) -> str:
        """The commit that is built."""
        return self.variables["ORCHESTRATOR_COMMIT_SHA"]

    def key(self, name: str) -> str:
        """Where the build stores one of its files."""
        project, _, uuid = self.id.partition(":")
        return artifact_key("", project, self.commit, uuid, name)


def package_of(commit: str) -> bytes:
    """Return the only right package of a commit."""
    held, entry = io.BytesIO(), zipfile.ZipInfo("handler.py")
    entry.external_attr = 0o100644 << 16
    with zipfile.ZipFile(held, "w") as archive:
        archive.writestr(entry, f"COMMIT = {commit!r}\n\n\ndef handler(event, context):\n    pass\n")
    return held.getvalue()


def files_of(build: Acted, *, project: str, package: str, bucket: str, made: datetime) -> dict[str, bytes]:
    """Return what the build stores, by file name, the manifest last."""
    content = package_of(build.commit)
    sha256 = hashlib.sha256(content).digest()
    documents = {"sbom": b"{}", "provenance": _statement(build, sha256.hex()), "lock": b'lock-version = "1.0"\n'}
    manifest: dict[str, object] = {
        "schema_version": 2,
        "project": project,
        "package": package,
        "kind": "function",
        "architecture": "arm64",
        "runtime": "python3.12",
        "commit": build.commit,
        "ref": build.variables["ORCHESTRATOR_REF"],
        "pipeline_id": build.variables["ORCHESTRATOR_PIPELINE_ID"],
        "build_id": build.id,
        "build_arn": build.arn,
        "bucket": bucket,
        "key": build.key(PACKAGE_NAME),
        "version_id": None,
        "sha256": sha256.hex(),
        "sha256_base64": base64.b64encode(sha256).decode(),
        "size_bytes": len(content),
        "created_at": made.astimezone(timezone.utc).isoformat(timespec="seconds"),
    }
    for name, text in documents.items():
        manifest |= {f"{name}_sha256": hashlib.sha256(text).hexdigest(), f"{name}_key": build.key(NAMES[name])}
    files = {PACKAGE_NAME: content, **{NAMES[name]: text for name, text in documents.items()}}
    return {**files, MANIFEST_NAME: json.dumps(manifest).encode()}


def _statement(build: Acted, sha256: str) -> bytes:
    document = {
        "_type": STATEMENT_TYPE,
        "subject": [{"name": PACKAGE_NAME, "digest": {"sha256": sha256}}],
        "predicateType": PREDICATE_TYPE,
        "predicate": {
            "buildDefinition": {
                "buildType": BUILD_TYPE,
                "externalParameters": {},
                "resolvedDependencies": [{"name": "commit", "digest": {"gitCommit": build.commit}}],
            },
            "runDetails": {
                "builder": {"id": build.arn.partition(":build/")[0] + f":project/{build.id.partition(':')[0]}"},
                "metadata": {"invocationId": build.arn},
            },
        },
    }
    return json.dumps(document).encode()
