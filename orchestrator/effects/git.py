"""The local git checkout: which commit it is, and the archive of exactly that commit."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from orchestrator.effects.files import unwritable
from orchestrator.effects.objects_alone import objects_alone
from orchestrator.effects.process import child_environment
from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.records import Commit, Snapshot

_SHA = re.compile(r"[0-9a-f]{40}")
_CHUNK_BYTES = 1024 * 1024
_LIMIT_SECONDS = 300

# What the repository or the machine configures must not run code or change the bytes of an archive.
_SETTINGS = (
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.quotePath=false",
    "protocol.ext.allow=never",
    "tar.umask=0022",
)


def tracked_in(folder: Path, names: Sequence[str], environment: Mapping[str, str]) -> Sequence[str]:
    """Return those of the names in a folder, which need not be there, that git tracks; none outside of a repository."""
    place = folder.absolute()
    there = next(parent for parent in (place, *place.parents) if parent.is_dir())
    checkout = GitCheckout(there, environment)
    return tuple(name for name in names if checkout.tracked((place.relative_to(there) / name).as_posix()))


class GitCheckout:
    """The git work tree that holds a directory."""

    def __init__(self, directory: Path, environment: Mapping[str, str]) -> None:
        self._directory = directory
        self._environment = {
            name: value
            for name, value in child_environment(environment).items()
            if not name.startswith("GIT_") or name == "GIT_SSL_CAINFO"
        }
        self._environment["LC_ALL"] = "C"  # its messages are told apart by their English words

    def commit(self, revision: str) -> Commit:
        """Return the commit that a revision names, with the paths of its tree from the repository's root.

        Raises `ConfigurationError` when there is no such commit here.
        """
        outcome = self._run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{revision}^{{commit}}")
        sha = outcome.stdout.strip()
        if outcome.returncode != 0 or not _SHA.fullmatch(sha):
            raise self._no_commit(revision, outcome.stderr)
        listing = self._checked("ls-tree", "-r", "-z", "--full-tree", "--name-only", sha)
        return Commit(sha=sha, files=tuple(path for path in listing.split("\0") if path))

    def changed_files(self) -> Sequence[str]:
        """Return the tracked files whose content differs from the commit that is checked out."""
        listing = self._checked("status", "--porcelain", "-z", "--untracked-files=no", "--no-renames")
        return tuple(entry[3:] for entry in listing.split("\0") if entry)

    def place(self) -> str:
        """Return the directory's path in its repository, `.` for the top and for a directory outside of any.

        It is read off the folders, as git finds its repository, because git itself refuses to tell somebody who does
        not own the checkout, and a wrong answer would plan to build another folder.
        """
        here = self._directory.resolve()
        for folder in (here, *here.parents):
            mark = folder / ".git"
            if mark.is_file() or (mark / "HEAD").is_file():
                return here.relative_to(folder).as_posix()
        return "."

    def tracked(self, path: str) -> Sequence[str]:
        """Return the files below a path of the directory that git tracks; none outside of a repository."""
        outcome = self._run("ls-files", "-z", "--", f":(literal){path}")
        return tuple(entry for entry in outcome.stdout.split("\0") if entry) if outcome.returncode == 0 else ()

    def current_ref(self) -> str | None:
        """Return the branch that is checked out, or None on a detached HEAD."""
        outcome = self._run("symbolic-ref", "--quiet", "--short", "HEAD")
        return outcome.stdout.strip() or None

    def remote_address(self) -> str | None:
        """Return the address that `origin` is fetched from, None if there is none; it may hold credentials."""
        outcome = self._run("remote", "get-url", "--", "origin")
        return outcome.stdout.strip() or None if outcome.returncode == 0 else None

    def snapshot(self, sha: str, target: Path) -> Snapshot:
        """Write `git archive` of a commit to `target` (tar.gz); the digest is that of the tar inside.

        git notes the commit id in the archive, which the build compares. A commit has one digest, whatever refs,
        attributes and filters a checkout or a machine has: `export-subst` is left alone, `export-ignore` is honoured.
        """
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            return Snapshot(path=target, tar_sha256=self._archive(sha, target))
        except BaseException as error:
            with suppress(OSError):
                target.unlink()
            if isinstance(error, OSError):
                raise unwritable(target, error) from error
            raise

    def is_shallow(self) -> bool:
        """Whether the checkout has the newest commits only."""
        return self._checked("rev-parse", "--is-shallow-repository").strip() == "true"

    def run_remote(self, environment: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run git, which may ask its remote; `environment` is for its credential helpers.

        Nobody is asked for a password. Raises `MachineryError` when there is no end after some minutes.
        """
        try:
            return self._run(*arguments, extra={**environment, "GIT_TERMINAL_PROMPT": "0"})
        except subprocess.TimeoutExpired as error:
            raise MachineryError(
                f"`git {arguments[0]}` did not end", detail=f"waited {_LIMIT_SECONDS} seconds", hint="retry the job"
            ) from error

    def _archive(self, sha: str, target: Path) -> str:
        """Write the packed archive of a commit; return the digest of the tar, in hex."""
        digest = hashlib.sha256()
        objects = self._objects(sha)
        with (
            objects_alone(objects, sha) as variables,
            tempfile.TemporaryFile() as messages,
            target.open("wb") as file,
            gzip.GzipFile(filename="", fileobj=file, mode="wb", compresslevel=6, mtime=0) as packed,
            subprocess.Popen(
                self._command("archive", "--format=tar", sha),
                cwd=variables["GIT_DIR"],
                env={**self._environment, **variables},
                stdout=subprocess.PIPE,
                stderr=messages,
            ) as process,
        ):
            assert process.stdout is not None  # noqa: S101 - it is a pipe
            while chunk := process.stdout.read(_CHUNK_BYTES):
                digest.update(chunk)
                packed.write(chunk)
            if process.wait() != 0:
                messages.seek(0)
                detail = messages.read().decode(errors="replace").strip()
                raise MachineryError(f"`git archive` of {sha} failed", detail=detail, hint="retry the job")
        return digest.hexdigest()

    def _objects(self, sha: str) -> Path:
        """Return the directory of the objects; a partial clone fetches those of the commit that it does not have."""
        partial = self._run("config", "--get-regexp", r"^(extensions\.partialclone|remote\..*\.promisor)$")
        if partial.returncode == 0:
            self.run_remote({}, "rev-list", "--objects", "--no-walk", "--quiet", sha)
        path = self._checked("rev-parse", "--git-path", "objects").removesuffix("\n")
        return (self._directory / path).resolve()

    def _no_commit(self, revision: str, message: str) -> ConfigurationError:
        if "dubious ownership" in message:
            return ConfigurationError(
                f"git does not trust `{self._directory}`",
                detail=message.strip(),
                hint="let the owner of the checkout run this",
            )
        shallow = self._run("rev-parse", "--is-shallow-repository").stdout.strip()
        if shallow not in {"true", "false"}:
            return ConfigurationError(
                f"`{self._directory}` is not a git checkout",
                detail=message.strip() or "expected: the repository that holds orchestrator.yml",
                hint="run this inside the repository",
            )
        if shallow == "true":
            return ConfigurationError(
                f"this checkout does not have the commit `{revision}`",
                detail="observed: a shallow clone, which has only the newest commits",
                hint="run `git fetch --unshallow`, or set `GIT_DEPTH: 0` in the job",
            )
        return ConfigurationError(
            f"there is no commit `{revision}` in this repository",
            detail="expected: a full SHA, a branch or a tag that exists here",
            hint="run `git fetch`, and check the spelling",
        )

    def _checked(self, *arguments: str) -> str:
        outcome = self._run(*arguments)
        if outcome.returncode != 0:
            raise self._no_commit("HEAD", outcome.stderr)
        return outcome.stdout

    def _run(self, *arguments: str, extra: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        if shutil.which("git", path=self._environment.get("PATH", os.defpath)) is None:
            raise ConfigurationError("`git` was not found", detail="expected: git on PATH", hint="install git")
        return subprocess.run(
            self._command(*arguments),
            cwd=self._directory,
            env={**self._environment, **(extra or {})},
            timeout=_LIMIT_SECONDS if extra else None,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            check=False,
        )

    def _command(self, *arguments: str) -> list[str]:
        settings = [part for setting in _SETTINGS for part in ("-c", setting)]
        return ["git", *settings, *arguments]
