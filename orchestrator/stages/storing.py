"""Puts the archive of a commit where builds fetch it."""

from __future__ import annotations

from orchestrator.plan.names import snapshot_key
from orchestrator.ports import Narrator, ObjectStore
from orchestrator.records import Snapshot


def store_snapshot(snapshot: Snapshot, commit: str, prefix: str, store: ObjectStore, narrate: Narrator) -> None:
    """Store the archive of a commit (a full SHA); raises `Refused` when another one is stored for it."""
    new = store.put_new(snapshot_key(prefix, commit), snapshot.path, sha256=snapshot.tar_sha256)
    narrate(f"snapshot of {commit} {'stored' if new else 'is stored already'} in `{store.bucket}`")
