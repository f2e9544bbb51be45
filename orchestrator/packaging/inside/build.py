"""Phase build: resolve, install, lay out, archive, inspect."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import asdict, dataclass

from orchestrator.packaging.assembly.archive import write_zip
from orchestrator.packaging.assembly.layout import lay_out
from orchestrator.packaging.files import sha256_of, write_whole
from orchestrator.packaging.inside.context import Build
from orchestrator.packaging.inside.settings import Settings
from orchestrator.packaging.inside.workspace import Workspace
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings
from orchestrator.packaging.lock.install import install
from orchestrator.packaging.lock.requirement_file import read_requirements
from orchestrator.packaging.lock.resolve import resolve
from orchestrator.packaging.lock.uv import Uv


@dataclass(frozen=True)
class PackageRecord:
    """What `build` knows about the package that `deliver` cannot see; `lock_sha256` is empty without a lock."""

    sha256: str
    lock_sha256: str
    lock: str
    compiled: tuple[str, ...]


def build_package(build: Build, workspace: Workspace, narrate: Callable[[str], None]) -> PackageRecord:
    """Make `workspace.package` and its record; raises BuildFailed or Refused with the culprit's name."""
    settings = build.settings
    for stale in (workspace.package, workspace.record, workspace.manifest, workspace.manifest_digest):
        stale.unlink(missing_ok=True)
    lock_text, lock_sha256, compiled = "", "", tuple[str, ...]()
    if settings.requirements is not None:
        lock_text, lock_sha256, compiled = _dependencies(settings, workspace, narrate)
    layout = lay_out(
        settings.kind,
        workspace.tree / settings.source,
        workspace.dependencies if settings.requirements is not None else None,
    )
    for note in layout.notes:
        narrate(note)
    write_zip(layout.entries, workspace.package)
    inspected = inspect(workspace.package, settings.target)
    refuse_findings(inspected, settings.target)
    narrate(f"packed and inspected {inspected.files} files, {inspected.unzipped_bytes} bytes")
    record = PackageRecord(sha256_of(workspace.package).hex(), lock_sha256, lock_text, compiled)
    write_whole(workspace.record, json.dumps(asdict(record)).encode())
    return record


def _dependencies(
    settings: Settings, workspace: Workspace, narrate: Callable[[str], None]
) -> tuple[str, str, tuple[str, ...]]:
    """Resolve and install; return the lock, its digest, and what was compiled."""
    workspace.resolution.mkdir(parents=True, exist_ok=True)
    uv = Uv(workspace, settings.target, dict(settings.environment))
    file = workspace.tree / str(settings.requirements)
    requirements = read_requirements(file, workspace.tree, workspace.tree / settings.source)
    lock = resolve(requirements, uv)
    narrate(f"resolved {settings.requirements} for {settings.target}: lock sha256 {lock.sha256}")
    compiled = install(lock, uv, workspace.dependencies)
    if compiled:
        narrate(f"compiled {', '.join(compiled)} on this machine")
    return lock.text, lock.sha256, compiled
