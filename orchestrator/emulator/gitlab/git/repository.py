"""Reading one bare repository: refs, commits, trees, files, differences, archives."""

from __future__ import annotations

import re
import subprocess
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from orchestrator.emulator.gitlab.git.environment import git_environment

_FULL_SHA = re.compile(r"[0-9a-f]{40}")
_ABBREVIATED = re.compile(r"[0-9a-fA-F]{4,40}")
_COMMIT_FORMAT = "%H%x00%P%x00%an%x00%ae%x00%aI%x00%cn%x00%ce%x00%cI%x00%T%x00%B"


class GitError(Exception):
    """A git command failed; the message is what git said."""


@dataclass(frozen=True)
class Commit:
    """A commit as the API shows it."""

    sha: str
    parents: list[str]
    author_name: str
    author_email: str
    authored_at: str
    committer_name: str
    committer_email: str
    committed_at: str
    tree: str
    message: str

    @property
    def title(self) -> str:
        """Return the first line of the message."""
        return self.message.strip("\n").split("\n", 1)[0]


@dataclass(frozen=True)
class Entry:
    """An entry of a tree: `mode`, `kind` (blob, tree, commit), object id and path."""

    mode: str
    kind: str
    sha: str
    path: str


@dataclass(frozen=True)
class Repository:
    """One bare repository; `home` is the private HOME of the git processes."""

    path: Path
    home: Path

    def run(self, *arguments: str, data: bytes | None = None, **variables: str) -> bytes:
        """Run git in the repository and return its output; raises `GitError`."""
        try:
            done = subprocess.run(
                ["git", *arguments],
                cwd=self.path,
                env={**git_environment(self.home), "GIT_DIR": str(self.path), **variables},
                input=data if data is not None else b"",
                capture_output=True,
                check=False,
            )
        except (ValueError, OSError) as problem:  # a NUL or half a character cannot even be handed to git
            raise GitError(f"git {arguments[0]} failed: {type(problem).__name__}") from None
        if done.returncode != 0:
            raise GitError(done.stderr.decode("utf-8", "replace").strip() or f"git {arguments[0]} failed")
        return done.stdout

    def create(self, default_branch: str) -> None:
        """Make the empty bare repository; fetching any commit by its SHA is allowed, as on GitLab."""
        self.path.mkdir(parents=True, exist_ok=True)
        self.run("init", "-q", "--bare")
        for key, value in (
            ("uploadpack.allowAnySHA1InWant", "true"),
            ("uploadpack.allowFilter", "true"),
            ("receive.advertisePushOptions", "true"),
            ("http.receivepack", "true"),
        ):
            self.run("config", key, value)
        self.set_default_branch(default_branch)

    def set_default_branch(self, branch: str) -> None:
        """Let HEAD name a branch, which need not exist."""
        self.run("symbolic-ref", "HEAD", f"refs/heads/{branch}")

    def refs(self, prefix: str) -> dict[str, str]:
        """Return short name -> object id of all refs below a prefix such as `refs/heads/`."""
        text = self.run("for-each-ref", "--format=%(objectname) %(refname)", prefix)
        lines = (line.split(" ", 1) for line in text.decode("utf-8", "surrogateescape").splitlines())
        return {name[len(prefix) :]: sha for sha, name in lines}

    def branches(self) -> dict[str, str]:
        """Return the heads of all branches."""
        return self.refs("refs/heads/")

    def tags(self) -> dict[str, str]:
        """Return the object (commit or tag object) of every tag."""
        return self.refs("refs/tags/")

    def resolve(self, ref: str) -> str | None:
        """Return the full SHA of the commit that a branch, tag, SHA or `HEAD` names, else None."""
        names = [f"refs/tags/{ref}", f"refs/heads/{ref}"] if ref != "HEAD" else ["HEAD"]
        if _ABBREVIATED.fullmatch(ref):
            names.append(ref)
        if ref.startswith(("refs/heads/", "refs/tags/")):
            names.append(ref)
        return next((sha for sha in map(self.commit_of, names) if sha), None)

    def commit_of(self, name: str) -> str | None:
        """Return the SHA of the commit that a full ref name or an object id leads to."""
        try:
            found = self.run("rev-parse", "-q", "--verify", "--end-of-options", f"{name}^{{commit}}")
        except GitError:
            return None
        text = found.decode().strip().splitlines()[-1]
        return text if _FULL_SHA.fullmatch(text) else None

    def commit(self, sha: str) -> Commit:
        """Return a commit by its full SHA; raises `GitError`."""
        return _read_commit(self, sha)

    def history(self, sha: str, *, path: str = "", limit: int = 1000) -> list[Commit]:
        """Return commits from `sha` backwards, at most `limit`, those that touch `path` if one is given."""
        limits = ["--", f":(literal){path}"] if path else ["--"]
        text = self.run("rev-list", f"--max-count={limit}", sha, *limits)
        return [self.commit(item) for item in text.decode().split()]

    def tree(self, sha: str, *, path: str = "", recursive: bool = False) -> list[Entry]:
        """Return the entries of a directory at a commit; recursive lists include directories."""
        flags = ["-r", "-t"] if recursive else []
        folder = path.strip("/")
        tree = f"{sha}:{folder}" if folder else sha
        rows = self.run("ls-tree", "-z", *flags, tree).decode("utf-8", "surrogateescape").split("\0")
        prefix = f"{folder}/" if folder else ""
        entries = []
        for row in filter(None, rows):
            about, name = row.split("\t", 1)
            mode, kind, identity = about.split()
            entries.append(Entry(mode, kind, identity, prefix + name))
        return entries

    def files(self, sha: str) -> list[str]:
        """Return the paths of all files at a commit."""
        return [entry.path for entry in self.tree(sha, recursive=True) if entry.kind == "blob"]

    def read(self, sha: str, path: str) -> bytes | None:
        """Return the content of a file at a commit, None when there is no such file."""
        try:
            found = self.run("cat-file", "blob", f"{sha}:{path.lstrip('/')}")
        except GitError:
            return None
        return found

    def changed_paths(self, before: str, after: str) -> list[str]:
        """Return the paths that differ between two commits."""
        rows = self.run("diff-tree", "-r", "-z", "--no-renames", "--name-only", before, after)
        return [row for row in rows.decode("utf-8", "surrogateescape").split("\0") if row]

    def merge_base(self, one: str, other: str) -> str | None:
        """Return the best common ancestor of two commits."""
        try:
            return self.run("merge-base", one, other).decode().strip() or None
        except GitError:
            return None

    def archive(self, sha: str, kind: str, prefix: str) -> bytes:
        """Return `git archive` of a commit as tar, tar.gz or zip, all paths below `prefix`."""
        return self.run("archive", f"--format={kind}", f"--prefix={prefix}", sha)


@lru_cache(maxsize=2048)
def _read_commit(repository: Repository, sha: str) -> Commit:
    text = repository.run("show", "-s", f"--format={_COMMIT_FORMAT}", sha, "--").decode("utf-8", "replace")
    sha, parents, author, email, authored, committer, committer_email, committed, tree, message = text.split("\0", 9)
    return Commit(
        sha=sha,
        parents=parents.split(),
        author_name=author,
        author_email=email,
        authored_at=authored,
        committer_name=committer,
        committer_email=committer_email,
        committed_at=committed,
        tree=tree,
        message=message.removesuffix("\n"),
    )
