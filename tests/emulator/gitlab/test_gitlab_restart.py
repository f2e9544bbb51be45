"""What is left when the emulator ends, and what it does with it when it comes back."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any


def test_state_survives_and_running_jobs_fail(start_server: Any, tmp_path: Path) -> None:
    """Projects, traces and artifacts are there again; what ran has failed by the system, and no process is left."""
    directory, mark = tmp_path / "state", tmp_path / "pid"
    first = start_server(directory, grace_seconds=1.0)
    project = first.client().projects.create({"name": "again"})
    content = f"""
done: {{stage: build, script: [echo kept > f], artifacts: {{paths: [f]}}}}
long: {{stage: test, retry: 2, script: [echo $$ > {mark}, sleep 60]}}
never: {{stage: deploy, script: ["true"]}}
"""
    project.files.create({"file_path": ".gitlab-ci.yml", "branch": "main", "content": content, "commit_message": "ci"})
    deadline = time.monotonic() + 20
    while not mark.is_file() or not mark.read_text().strip():
        assert time.monotonic() < deadline
        time.sleep(0.05)
    first.stop()
    assert not Path(f"/proc/{mark.read_text().strip()}").exists()
    second = start_server(directory)
    try:
        project = second.client().projects.get(project.id)
        pipeline = project.pipelines.list(get_all=True)[0]
        jobs = {job.name: job for job in pipeline.jobs.list(get_all=True)}
        assert pipeline.status == "failed"
        assert (jobs["long"].status, jobs["long"].failure_reason) == ("failed", "runner_system_failure")
        assert jobs["never"].status == "skipped"
        assert project.jobs.get(jobs["done"].id).artifact("f") == b"kept\n"
        assert b"echo kept" in project.jobs.get(jobs["done"].id).trace()
        project.jobs.get(jobs["done"].id).retry()
    finally:
        second.stop()


def test_two_emulators_side_by_side(start_server: Any, tmp_path: Path) -> None:
    """Two emulators share nothing."""
    one, two = start_server(tmp_path / "one"), start_server(tmp_path / "two")
    try:
        one.client().projects.create({"name": "only here"})
        assert two.client().projects.list(get_all=True) == []
    finally:
        one.stop()
        two.stop()
