"""The manifest that a build stores beside its package, read as the untrusted text that it is."""

from __future__ import annotations

import base64
from typing import Annotated

from pydantic import AwareDatetime, BaseModel, ConfigDict, Field, ValidationError, model_validator

from orchestrator.errors import Refused
from orchestrator.stages.strict_json import strict_json

# Twice what Lambda takes unzipped (Lambda quotas: 250 MB), so that nobody's disk is filled.
PACKAGE_LIMIT_BYTES = 512 * 1024 * 1024
Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]


class Manifest(BaseModel):
    """What a package is and where it came from. Fields that newer builds add are kept, not refused."""

    model_config = ConfigDict(strict=True, frozen=True, extra="allow")

    schema_version: Annotated[int, Field(ge=1)] = 1
    project: str
    package: str
    kind: str
    architecture: str
    runtime: str
    commit: Annotated[str, Field(pattern=r"^[0-9a-f]{40}$")]
    ref: str | None = None
    pipeline_id: str = ""
    build_id: str
    build_arn: str | None = None
    created_at: AwareDatetime | None = None
    bucket: str
    key: str
    # It becomes a variable of other jobs, so it gets no character that a dotenv file or a shell would read.
    version_id: Annotated[str, Field(pattern=r"^[A-Za-z0-9._~+/=-]{1,1024}$")] | None = None
    sha256: Sha256
    sha256_base64: str
    size_bytes: Annotated[int, Field(gt=0, le=PACKAGE_LIMIT_BYTES)]

    # Of what lies beside the package; manifests of the first version know of nothing there.
    sbom_sha256: Sha256 | None = None
    provenance_sha256: Sha256 | None = None
    lock_sha256: Sha256 | None = None
    sbom_key: str | None = None
    provenance_key: str | None = None
    lock_key: str | None = None

    def digest_of(self, document: str) -> str | None:
        """Return the sha256 of a document (`sbom`, `provenance`, `lock`), None if there is none beside the package."""
        digests = {"sbom": self.sbom_sha256, "provenance": self.provenance_sha256, "lock": self.lock_sha256}
        return digests[document] if self.schema_version > 1 else None

    @model_validator(mode="after")
    def _whole(self) -> Manifest:
        """Refuse a manifest that leaves out what its version always has."""
        if self.schema_version > 1 and not (self.sbom_sha256 and self.provenance_sha256):
            raise ValueError("`sbom_sha256` and `provenance_sha256` belong to a manifest of this version")
        return self

    @model_validator(mode="after")
    def _one_digest(self) -> Manifest:
        """Refuse two spellings of the digest (hex, and base64 for Terraform) that differ."""
        if self.sha256_base64 != base64.b64encode(bytes.fromhex(self.sha256)).decode():
            raise ValueError("`sha256_base64` is not `sha256` in base64")
        return self


def parse_manifest(content: bytes) -> Manifest:
    """Return the manifest in `content`; raises `Refused` when it is not one."""
    try:
        strict_json(content)
        return Manifest.model_validate_json(content)
    except ValidationError as error:
        problems = "\n".join(f"{'.'.join(map(str, item['loc']))}: {item['msg']}" for item in error.errors())
    except ValueError as error:
        problems = f"observed: no JSON that has one meaning: {str(error)!a:.200}"
    raise Refused(
        "the manifest of the package cannot be read",
        detail=problems,
        hint="do not use this package; find out who wrote the manifest",
    )
