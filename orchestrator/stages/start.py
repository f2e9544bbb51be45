"""Starting one build in CodeBuild, so that asking again gives the same build."""

from __future__ import annotations

from collections.abc import Mapping

from orchestrator.plan.digest import digest
from orchestrator.ports import CodeBuild, Narrator
from orchestrator.records import BuildRecord
from orchestrator.stages.earlier import Wish, check_repeatable
from orchestrator.vocabulary import BuildStatus


def start(
    wish: Wish, project: str, variables: Mapping[str, str], codebuild: CodeBuild, narrate: Narrator, *, fresh: str
) -> BuildRecord:
    """Start a build; `fresh` is empty, or something new, which makes CodeBuild forget what it was asked before.

    A retried job gives the same idempotency token, so within five minutes it gets the same build (CodeBuild API:
    StartBuild). One that was stopped or had a fault in the meantime is no use: its id makes the next token, which a
    retry finds by the same way. Raises `BuildFailed` or `MachineryError` for what would only be repeated.
    """
    ended: list[BuildRecord] = []
    asked = [wish.marker, wish.ref, wish.pipeline_id, *([fresh] if fresh else [])]
    while True:
        record = codebuild.start(project, variables, digest([*asked, *(one.id for one in ended)]))
        known = record.id in {one.id for one in ended}
        if known or not record.complete or record.status == BuildStatus.SUCCEEDED:
            break
        ended.append(record)
        check_repeatable(ended[::-1], wish)
        narrate(f"{record.id} ended {record.status}: starting another")
    narrate(f"started {record.id} for {wish.commit}")
    return record
