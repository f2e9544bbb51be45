"""Where the documents of a package lie."""

from __future__ import annotations

from pathlib import Path

# Beside `package.zip`, in S3 and as artifacts of a job; the keys are those of the manifest (`sbom_sha256`, `sbom_key`).
NAMES = {"sbom": "sbom.cdx.json", "provenance": "provenance.json", "lock": "pylock.toml"}
MANIFEST_NAME = "manifest.json"
PACKAGE_NAME = "package.zip"


def beside(package: Path) -> tuple[Path, ...]:
    """Return where the documents of a zip of any name lie: the manifest, then the others in the order of `NAMES`."""
    stem = package.with_suffix("") if package.suffix == ".zip" else package
    return (
        stem.with_name(f"{stem.name}.manifest.json"),
        stem.with_name(f"{stem.name}.cdx.json"),
        stem.with_name(f"{stem.name}.provenance.json"),
        # PEP 751 wants this spelling, and no dot in the name.
        stem.with_name(f"pylock.{stem.name.replace('.', '-')}.toml"),
    )
