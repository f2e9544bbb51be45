"""What goes from job to job: artifacts down before the script and up after it, dotenv variables."""

from __future__ import annotations

import gzip
import re
import subprocess
from collections.abc import Mapping
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from orchestrator.emulator.gitlab.ci import durations
from orchestrator.emulator.gitlab.ci.expansion import expand
from orchestrator.emulator.gitlab.git.environment import git_environment
from orchestrator.emulator.gitlab.records import Job, Json, Pipeline
from orchestrator.emulator.gitlab.runner import archive, dotenv
from orchestrator.emulator.gitlab.runner.trace import Trace
from orchestrator.emulator.gitlab.world import World

_DEFAULT_EXPIRY_SECONDS = 30 * 86400


class UploadError(Exception):
    """GitLab refuses what a job wants to upload."""


def suppliers(pipeline: Pipeline, job: Job) -> list[Job]:
    """Return the jobs whose artifacts a job gets: its needs, its dependencies, or all of earlier stages."""
    needs, dependencies = job.spec.get("needs"), job.spec.get("dependencies")
    latest = [item for item in pipeline.latest if not item.external and item.id != job.id]
    if needs is not None:
        names = {need["job"] for need in needs if need["artifacts"]}
        chosen = [item for item in latest if item.name in names]
    else:
        chosen = [item for item in latest if item.stage_index < job.stage_index]
    if dependencies is not None:
        chosen = [item for item in chosen if item.name in dependencies]
    return sorted(chosen, key=lambda item: (item.stage_index, item.id))


def inherited(world: World, pipeline: Pipeline, job: Job) -> list[tuple[str, str]]:
    """Return the dotenv variables of earlier jobs, later ones on top."""
    with world.state.lock:
        found = [(name, value) for item in suppliers(pipeline, job) for name, value in item.dotenv]
    return list(dict(found).items())


def download(world: World, pipeline: Pipeline, job: Job, directory: Path, trace: Trace) -> None:
    """Unpack the artifacts of the jobs before this one into its work tree."""
    with world.state.lock:
        chosen = suppliers(pipeline, job)
    ready = [item for item in chosen if (world.artifacts(item) / "artifacts.zip").is_file()]
    if ready:
        trace.step("Downloading artifacts")
    for item in ready:
        trace.line(f"Downloading artifacts for {item.name} ({item.id})...")
        archive.unpack(world.artifacts(item) / "artifacts.zip", directory)


def upload(
    world: World, job: Job, directory: Path, variables: Mapping[str, str], trace: Trace, *, succeeded: bool
) -> dict[str, Any]:
    """Store what `artifacts` asks for; returns the fields of the job's record. Raises `UploadError`."""
    wanted = job.spec.get("artifacts") or {}
    when = wanted.get("when", "on_success")
    reports = wanted.get("reports") or {}
    stored: list[Json] = []
    facts: dict[str, Any] = {"artifacts": stored, "artifacts_expire_at": None}
    if wanted and when in {"always", "on_success" if succeeded else "on_failure"}:
        trace.step("Uploading artifacts")
        stored += _paths(world, job, directory, wanted, variables, trace)
        facts["artifacts_expire_at"] = _expiry(wanted.get("expire_in"))
    stored += _reports(world, job, directory, reports, variables, facts)
    if stored:
        trace.line('Uploading artifacts as "archive" to coordinator... 201 Created')
        log = {"file_type": "trace", "filename": "job.log", "file_format": None}
        stored.append({**log, "size": world.trace(job).stat().st_size})
    return facts


def _expanded(paths: Any, variables: Mapping[str, str]) -> list[str]:
    items = [paths] if isinstance(paths, str) else paths or []
    return [expand(str(item), variables, missing_is_kept=False) for item in items]


def _paths(
    world: World, job: Job, directory: Path, wanted: Json, variables: Mapping[str, str], trace: Trace
) -> list[Json]:
    patterns = _expanded(wanted.get("paths"), variables)
    if not patterns and not wanted.get("untracked"):
        return []
    excluded = _expanded(wanted.get("exclude"), variables)
    taken, idle = archive.collect(directory, patterns, excluded)
    if wanted.get("untracked"):
        others = archive.collect(directory, _untracked(world, directory), excluded)[0]
        taken = list(dict.fromkeys([*taken, *others]))
    for pattern in idle:
        trace.warn(f"{pattern}: no matching files. Ensure that the artifact path is relative to the working directory")
    if not taken:
        trace.bad("No files to upload")
        return []
    size = archive.pack(directory, taken, world.artifacts(job) / "artifacts.zip")
    trace.line(f"{', '.join(patterns) or 'untracked'}: found {len(taken)} matching artifact files and directories")
    name = expand(str(wanted.get("name") or "artifacts"), variables, missing_is_kept=False)
    filename = re.sub(r"[/\\\0]", "-", name)[:200] or "artifacts"
    return [{"file_type": "archive", "size": size, "filename": f"{filename}.zip", "file_format": "zip"}]


def _untracked(world: World, directory: Path) -> list[str]:
    done = subprocess.run(
        ["git", "ls-files", "--others", "-z"],
        cwd=directory,
        env=git_environment(world.home),
        capture_output=True,
        check=False,
    )
    paths = done.stdout.decode("utf-8", "surrogateescape").split("\0")
    return [re.sub(r"([\\*?\[{])", r"\\\1", path) for path in paths if path]


def _expiry(text: Any) -> str | None:
    if text == "never":
        return None
    seconds = durations.seconds(text) if text is not None else _DEFAULT_EXPIRY_SECONDS
    if not seconds:
        return None
    moment = datetime.now(timezone.utc) + timedelta(seconds=seconds)
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _reports(
    world: World, job: Job, directory: Path, reports: Json, variables: Mapping[str, str], facts: dict[str, Any]
) -> list[Json]:
    stored: list[Json] = []
    for kind, paths in reports.items():
        patterns = _expanded(paths if isinstance(paths, str | list) else (paths or {}).get("path"), variables)
        taken = [path for path in archive.collect(directory, patterns, [])[0] if (directory / path).is_file()]
        if not taken:
            continue
        content = b"".join((directory / path).read_bytes() for path in taken)
        if kind == "dotenv":
            try:
                facts["dotenv"] = [list(pair) for pair in dotenv.parse(content)]
            except dotenv.DotenvError as problem:
                raise UploadError(f"dotenv: 400 Bad Request: {problem}") from None
        target = world.artifacts(job) / f"{kind}.gz"
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(gzip.compress(content, mtime=0))
        name = ".env.gz" if kind == "dotenv" else f"{kind}.xml.gz" if kind == "junit" else f"{kind}.json.gz"
        stored.append({"file_type": kind, "size": target.stat().st_size, "filename": name, "file_format": "gzip"})
    return stored
