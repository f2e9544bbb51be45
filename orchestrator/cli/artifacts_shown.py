"""Stored packages as rows, documents and words."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from orchestrator.cli import looks
from orchestrator.render.artifacts_table import artifacts_table
from orchestrator.render.build_page import size
from orchestrator.render.builds_table import one_line, short_age
from orchestrator.render.times import iso_time
from orchestrator.stages.artifacts import StoredPackage
from orchestrator.stages.delivery import Delivered
from orchestrator.stages.prune import Verdict


def package_table(packages: Sequence[StoredPackage]) -> str:
    """Return the packages as a table for the terminal there is."""
    return artifacts_table([_row(package) for package in packages], width=looks.width())


def verdict_table(verdicts: Sequence[Verdict]) -> str:
    """Return the packages of verdicts as a table, each with why it goes or stays."""
    return artifacts_table([_row(verdict.package, verdict.why) for verdict in verdicts], width=looks.width())


def package_json(package: StoredPackage) -> dict[str, Any]:
    """Return a stored package as JSON-like data."""
    return {
        "build_id": package.build_id,
        "package": package.package,
        "commit": package.commit,
        "ref": package.ref or None,
        "made_in_job": package.in_job,
        "whole": package.whole,
        "running": package.running,
        "stored": iso_time(package.stored),
        "size_bytes": package.size_bytes,
        "keys": sorted(package.keys.values()),
    }


def delivered_json(delivered: Delivered) -> dict[str, Any]:
    """Return a package that was checked as JSON-like data."""
    manifest = delivered.manifest
    return {
        "build_id": delivered.build_id,
        "package": manifest.package,
        "architecture": manifest.architecture,
        "runtime": manifest.runtime,
        "commit": manifest.commit,
        "size_bytes": manifest.size_bytes,
        "sha256": manifest.sha256,
    }


def summary(delivered: Delivered) -> str:
    """Return what a package is, in a line."""
    manifest = delivered.manifest
    return (
        f"{manifest.package} for {manifest.architecture} {manifest.runtime}, {manifest.size_bytes} bytes, "
        f"sha256 {manifest.sha256}"
    )


def total(packages: Sequence[StoredPackage]) -> str:
    """Return how many packages these are, and their size."""
    many = "package" if len(packages) == 1 else "packages"
    return f"{len(packages)} {many}, {size(sum(package.size_bytes for package in packages))}"


def _row(package: StoredPackage, why: str = "") -> dict[str, str]:
    return {
        "build": package.uuid[:8],
        "package": package.package,
        "ref": one_line(package.ref),
        "commit": package.commit[:8],
        "age": short_age(package.stored, datetime.now(timezone.utc)),
        "size": size(package.size_bytes),
        "made": "in a job" if package.in_job else "",
        "state": "running" if package.running else "" if package.whole else "incomplete",
        "why": one_line(why),
    }
