"""Resolving requirements for the target, never for the host, into a lock with hashes."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from orchestrator.packaging.files import write_whole
from orchestrator.packaging.lock.local_projects import with_wheels
from orchestrator.packaging.lock.requirement_file import Requirements
from orchestrator.packaging.lock.uv import Uv, failure, no_wheel, normalised, without_wheel

_ROUNDS = 40


@dataclass(frozen=True)
class Lock:
    """Exactly what will be installed. `from_source` names what has no wheel and is compiled on the target.

    `check_complete` means that nobody but the user vouches for the list, so the metadata must agree with it.
    """

    text: str
    index: tuple[str, ...]
    options: tuple[str, ...]
    from_source: tuple[str, ...]
    check_complete: bool

    @property
    def sha256(self) -> str:
        """The digest of the text in hex."""
        return hashlib.sha256(self.text.encode()).hexdigest()


def resolve(requirements: Requirements, uv: Uv) -> Lock:
    """Return the lock; a file that already has hashes is one and is used as it is.

    Raises BuildFailed naming the requirements that cannot be had for the target, MachineryError if an index
    cannot be reached.
    """
    requirements = with_wheels(requirements, uv)
    options = _options(requirements)
    if requirements.hashed:
        text = "".join(f"{line}\n" for line in requirements.lines)
        return Lock(text, tuple(requirements.index), options, _asked_from_source(requirements), check_complete=True)
    directory = uv.workspace.resolution
    _write(directory / "requirements.in", [*requirements.index, *requirements.lines])
    _write(directory / "constraints.in", requirements.constraints)
    return _compile(requirements, options, uv)


def _compile(requirements: Requirements, options: tuple[str, ...], uv: Uv) -> Lock:
    """Ask for wheels only; what turns out to have none is compiled if this is the target, else all are named."""
    foreign = uv.target.foreign()
    from_source = list(_asked_from_source(requirements))
    first_errors = ""
    if foreign and from_source:
        raise no_wheel(from_source, _what(uv), f"the file asks for `--no-binary`, but {foreign}", "", uv.workspace)
    for _ in range(_ROUNDS):
        _write(uv.workspace.resolution / "excluded.in", from_source if foreign else [])
        result = uv(
            *("pip", "compile", "requirements.in", "--constraints", "constraints.in", "--output-file", "lock.txt"),
            *("--generate-hashes", "--no-header", "--no-annotate", "--excludes", "excluded.in"),
            *options,
            *only_binary(() if foreign else from_source),
        )
        new = [name for name in without_wheel(result.errors) if name not in from_source] if result.code else []
        if not new:
            break
        first_errors = first_errors or result.errors
        from_source += new
    if foreign and from_source:
        raise no_wheel(from_source, _what(uv), foreign, first_errors, uv.workspace)
    if result.code and first_errors and "has no source distribution" in result.errors:
        raise no_wheel(
            from_source, _what(uv), "there is no source distribution to compile either", first_errors, uv.workspace
        )
    if result.code:
        raise failure(_what(uv), result.errors, uv.workspace)
    text = (uv.workspace.resolution / "lock.txt").read_text(encoding="utf-8")
    return Lock(text, tuple(requirements.index), options, tuple(from_source), check_complete=False)


def only_binary(from_source: tuple[str, ...] | list[str]) -> tuple[str, ...]:
    """Return uv's options for "wheels, except of these"; uv lets `--no-binary NAME` win over `:all:`."""
    if ":all:" in from_source:
        return ("--no-binary", ":all:")
    return ("--only-binary", ":all:", *(part for name in from_source for part in ("--no-binary", name)))


def _asked_from_source(requirements: Requirements) -> tuple[str, ...]:
    asked = requirements.from_source
    return (":all:",) if ":all:" in asked else tuple(sorted({normalised(name) for name in asked}))


def _options(requirements: Requirements) -> tuple[str, ...]:
    insecure = (part for host in requirements.insecure_hosts for part in ("--allow-insecure-host", host))
    return (*insecure, *(("--prerelease", "allow") if requirements.prereleases else ()))


def _what(uv: Uv) -> str:
    return f"the requirements cannot be had for {uv.target}"


def _write(path: Path, lines: list[str]) -> None:
    write_whole(path, "".join(f"{line}\n" for line in lines).encode())
