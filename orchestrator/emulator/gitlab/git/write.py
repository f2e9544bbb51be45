"""Writing a repository without a work tree: commits, branches and tags that the API makes."""

from __future__ import annotations

import base64
import os
import tempfile
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from orchestrator.emulator.gitlab.git.repository import GitError, Repository
from orchestrator.emulator.gitlab.records import NO_SHA, User


@dataclass(frozen=True)
class Change:
    """One action of a commit: `kind` is create, update, delete, move or chmod."""

    kind: str
    path: str
    content: bytes | None = None
    previous_path: str = ""
    executable: bool | None = None

    @classmethod
    def parse(cls, action: dict[str, Any]) -> Change:
        """Read an action as the commits API takes it; raises `GitError` with what is wrong."""
        kind, path = action.get("action"), action.get("file_path")
        if kind not in {"create", "update", "delete", "move", "chmod"}:
            raise GitError("actions[0][action] does not have a valid value")
        if not isinstance(path, str) or not path:
            raise GitError("You must provide a file path")
        _check_path(path)
        content = action.get("content")
        data = None
        if content is not None:
            text = str(content)
            data = base64.b64decode(text) if action.get("encoding") == "base64" else text.encode()
        return cls(kind, path, data, str(action.get("previous_path") or ""), action.get("execute_filemode"))


def _check_path(path: str) -> None:
    parts = path.split("/")
    if path.startswith("/") or any(part in {"", ".", ".."} or part.lower() == ".git" for part in parts):
        raise GitError("Path cannot include directory traversal")


def commit(repository: Repository, branch: str, start: str | None, changes: list[Change], **about: Any) -> str:
    """Commit changes on top of `start` (None: the first commit) and move the branch there.

    `about` holds `message` (str), `user` (User), and optionally `author_name`, `author_email`.
    Returns the new SHA; raises `GitError` when an action does not fit the tree.
    """
    with tempfile.TemporaryDirectory(dir=repository.home) as folder:
        index = str(Path(folder) / "index")
        if start:
            repository.run("read-tree", start, GIT_INDEX_FILE=index)
        for change in changes:
            _apply(repository, change, index)
        tree = repository.run("write-tree", GIT_INDEX_FILE=index).decode().strip()
    parents = ["-p", start] if start else []
    made = repository.run(
        "commit-tree", tree, *parents, "-F", "-", data=str(about["message"]).encode(), **_people(**about)
    )
    sha = made.decode().strip()
    move(repository, f"refs/heads/{branch}", sha)
    return sha


def merge(repository: Repository, target: str, source: str, *, message: str, user: User) -> str:
    """Return the merge commit of two commits; raises `GitError` when they conflict."""
    tree = repository.run("merge-tree", "--write-tree", target, source).decode().split()[0]
    return _store(repository, tree, [target, source], message=message, user=user)


def revert(repository: Repository, head: str, sha: str, *, message: str, user: User) -> str:
    """Return a commit on top of `head` that undoes another one; raises `GitError` when it does not apply.

    A merge commit is undone as seen from its first parent (GitLab docs: api/commits, revert).
    """
    patch = repository.run("diff-tree", "-p", "--binary", "--full-index", f"{sha}^1", sha)
    with tempfile.TemporaryDirectory(dir=repository.home) as folder:
        index = str(Path(folder) / "index")
        repository.run("read-tree", head, GIT_INDEX_FILE=index)
        repository.run("apply", "--cached", "--reverse", "--3way", "-", data=patch, GIT_INDEX_FILE=index)
        tree = repository.run("write-tree", GIT_INDEX_FILE=index).decode().strip()
    return _store(repository, tree, [head], message=message, user=user)


def _store(repository: Repository, tree: str, parents: list[str], *, message: str, user: User) -> str:
    options = [word for parent in parents for word in ("-p", parent)]
    made = repository.run("commit-tree", tree, *options, "-F", "-", data=message.encode(), **_people(user))
    return made.decode().strip()


def _people(user: User, author_name: str = "", author_email: str = "", **_: Any) -> dict[str, str]:
    return {
        "GIT_AUTHOR_NAME": author_name or user.name,
        "GIT_AUTHOR_EMAIL": author_email or user.email,
        "GIT_COMMITTER_NAME": user.name,
        "GIT_COMMITTER_EMAIL": user.email,
    }


def _apply(repository: Repository, change: Change, index: str) -> None:
    source = change.previous_path if change.kind == "move" else change.path
    mode, identity = _staged(repository, source, index)
    if change.kind == "create" and identity:
        raise GitError("A file with this name already exists")
    if change.kind != "create" and not identity:
        raise GitError("A file with this name doesn't exist")
    if change.kind in {"delete", "move"}:
        _stage(repository, f"0 {NO_SHA}\t{source}", index)
    if change.kind == "delete":
        return
    if change.content is not None or not identity:
        stored = repository.run("hash-object", "-w", "--stdin", data=change.content or b"")
        identity = stored.decode().strip()
    if change.executable is not None:
        mode = "100755" if change.executable else "100644"
    _stage(repository, f"{mode or '100644'} {identity}\t{change.path}", index)


def _staged(repository: Repository, path: str, index: str) -> tuple[str, str]:
    rows = repository.run("ls-files", "-s", "-z", "--", f":(literal){path}", GIT_INDEX_FILE=index)
    for row in rows.decode("utf-8", "surrogateescape").split("\0"):
        about, _, name = row.partition("\t")
        if name and name == path:
            mode, identity, _ = about.split()
            return mode, identity
    return "", ""


def _stage(repository: Repository, row: str, index: str) -> None:
    data = os.fsencode(row) + b"\0"
    repository.run("update-index", "-z", "--index-info", data=data, GIT_INDEX_FILE=index)


def move(repository: Repository, ref: str, sha: str) -> None:
    """Let a full ref name point to a commit, or remove it when `sha` is all zeros; raises `GitError`."""
    if sha == NO_SHA:
        repository.run("update-ref", "-d", ref)
        return
    repository.run("check-ref-format", ref)
    repository.run("update-ref", ref, sha)


def annotate(repository: Repository, name: str, sha: str, message: str, user: User) -> None:
    """Make a tag: annotated when there is a message, else lightweight."""
    if not message:
        move(repository, f"refs/tags/{name}", sha)
        return
    stamp = repository.commit(sha).committed_at
    text = f"object {sha}\ntype commit\ntag {name}\ntagger {user.name} <{user.email}> {_epoch(stamp)}\n\n{message}\n"
    tag = repository.run("mktag", "--no-strict", data=text.encode()).decode().strip()
    move(repository, f"refs/tags/{name}", tag)


def _epoch(stamp: str) -> str:
    return f"{int(datetime.fromisoformat(stamp.replace('Z', '+00:00')).timestamp())} +0000"
