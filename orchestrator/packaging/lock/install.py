"""Installing a lock for the target into a directory, nothing else."""

from __future__ import annotations

import shutil
from pathlib import Path

from orchestrator.packaging.files import write_whole
from orchestrator.packaging.lock.resolve import Lock, only_binary
from orchestrator.packaging.lock.uv import Uv, failure, no_wheel, without_wheel


def install(lock: Lock, uv: Uv, directory: Path) -> tuple[str, ...]:
    """Install into `directory`, which is made anew; return the names that were compiled here.

    Every file is checked against its hash. Raises BuildFailed, Refused (hash), MachineryError (network).
    """
    foreign = uv.target.foreign()
    from_source = list(lock.from_source)
    what = f"the lock cannot be installed for {uv.target}"
    _write(lock, uv)
    while True:
        shutil.rmtree(directory, ignore_errors=True)
        directory.mkdir(parents=True)
        result = uv(
            *("pip", "install", "--target", directory, "--requirements", "install.txt", "--require-hashes"),
            *("--no-compile-bytecode", *(() if lock.check_complete else ("--no-deps",))),
            *lock.options,
            *only_binary(from_source),
        )
        if not result.code:
            return tuple(from_source)
        new = [name for name in without_wheel(result.errors) if name not in from_source]
        if not new:
            raise failure(what, result.errors, uv.workspace)
        if foreign:
            raise no_wheel(new, what, foreign, result.errors, uv.workspace)
        from_source += new


def _write(lock: Lock, uv: Uv) -> None:
    """Write what uv reads: the lock, and where to find its files (which may hold credentials)."""
    index = "".join(f"{line}\n" for line in lock.index)
    write_whole(uv.workspace.resolution / "install.txt", (index + lock.text).encode())
