"""Keeping compiled wheels: under the digest of everything that shaped them, so that each is compiled once."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from orchestrator.errors import OrchestratorError
from orchestrator.packaging.files import sha256_of, write_whole
from orchestrator.packaging.runtimes import Target
from orchestrator.packaging.wheels.model import SystemLibrary, Wheel

if TYPE_CHECKING:
    from orchestrator.packaging.lock.model import PlannedPackage
    from orchestrator.packaging.wheels.system_packages import Installed

# Raise it whenever the same inputs give another wheel: other flags, another way of grafting.
CONTRACT = 3
ENTRY = "wheel.json"


@dataclass(frozen=True)
class Builder:
    """What the machine adds to a wheel: its image, its Python, its uv, and its system packages.

    `system` is the digest of all of them (libraries of any may end in the wheel, and images change under one name),
    `system_packages` are those that were asked for, for people to read. `surroundings` are its variables that build
    scripts see and that shape what they make; `indexes` is where their requirements come from, without passwords.
    """

    image: str
    python: str
    uv: str
    system: str = ""
    system_packages: tuple[Installed, ...] = ()
    surroundings: Mapping[str, str] = field(default_factory=dict)
    indexes: tuple[str, ...] = ()


def shape(
    package: PlannedPackage,
    target: Target,
    environment: Mapping[str, str],
    asked: Sequence[str],
    builder: Builder,
    *,
    pure: bool = False,
) -> dict[str, str] | None:
    """Return everything that shapes the wheel, as lines that can be printed and compared; None if it cannot be kept.

    A directory has no digest and changes all the time: what is made of one is not kept. Values of variables are
    given as digests, because nothing here may end in a log that does not belong there. `pure` tells that the package
    may lack the machine code that its sources have.
    """
    if package.file is not None:
        source = f"sha256:{package.file.sha256}"
    elif package.source is not None and package.source.commit:
        source = f"{package.source.vcs}:{package.source.commit}#{package.source.subdirectory}"
    else:
        return None
    row = target.runtime
    return {
        "contract": str(CONTRACT),
        "package": str(package),
        "source": source,
        "architecture": target.architecture,
        "python": str(row.python),
        "system": row.system,
        "versions": ", ".join(f"{name} {'.'.join(map(str, number))}" for name, number in sorted(row.versions.items())),
        "guaranteed": ", ".join(sorted(row.guaranteed)),
        "pure allowed": "yes" if pure else "no",
        "environment": _digests(environment),
        "surroundings": _digests(builder.surroundings),
        "indexes": ", ".join(builder.indexes),
        "system packages": ", ".join(sorted(asked)),
        "installed": ", ".join(f"{package.name} {package.version}" for package in builder.system_packages),
        "all installed": builder.system,
        "image": builder.image,
        "interpreter": builder.python,
        "uv": builder.uv,
    }


def keep_digest(shaped: Mapping[str, str]) -> str:
    """Return the sha256 (hex) of what `shape` says."""
    return hashlib.sha256(json.dumps(dict(shaped), sort_keys=True).encode()).hexdigest()


def differences(now: Mapping[str, str], before: Mapping[str, str]) -> list[str]:
    """Say why something was compiled again: what differs from an earlier time, a line each."""
    names = dict.fromkeys([*before, *now])
    return [
        f"{name}: {before.get(name, 'nothing') or 'nothing'} → {now.get(name, 'nothing') or 'nothing'}"
        for name in names
        if now.get(name) != before.get(name)
    ]


class WheelKeep(Protocol):
    """Where compiled wheels are kept. Entries are never changed; a broken one is passed over."""

    def get(self, digest: str) -> Wheel | None:
        """Return the wheel that was kept under the digest, on this disk and checked, or None."""
        ...

    def put(self, digest: str, wheel: Wheel, shaped: Mapping[str, str]) -> None:
        """Keep a wheel under the digest."""
        ...


def describe(wheel: Wheel, shaped: Mapping[str, str]) -> bytes:
    """Return the entry that lies beside a kept wheel."""
    known = {**asdict(wheel), "path": wheel.path.name}
    return (json.dumps({"contract": CONTRACT, "wheel": known, "shape": dict(shaped)}, indent=2) + "\n").encode()


def recognise(content: bytes, folder: Path) -> Wheel:
    """Return the wheel that an entry describes, as a file of `folder`; raises ValueError for a broken entry."""
    try:
        document: Any = json.loads(content)
        if document["contract"] != CONTRACT:
            raise ValueError(f"contract {document['contract']}")
        fields = dict(document["wheel"])
        name = str(fields["path"])
        if Path(name).name != name or not name.endswith(".whl"):
            raise ValueError(f"no name of a wheel: {name[:200]!a}")
        fields["path"] = folder / name
        fields["libraries"] = tuple(SystemLibrary(**library) for library in fields["libraries"])
        return _checked(Wheel(**fields))
    except (KeyError, TypeError, AttributeError, RecursionError, UnicodeDecodeError, json.JSONDecodeError) as error:
        raise ValueError(f"{type(error).__name__}: {error}") from None


def _checked(wheel: Wheel) -> Wheel:
    """Return the wheel; raises TypeError for a field that JSON gave another type."""
    for name, value in (item for holder in (wheel, *wheel.libraries) for item in vars(holder).items()):
        expected = {"path": Path, "compiled": bool, "libraries": tuple}.get(name, str)
        if not isinstance(value, expected):
            raise TypeError(f"`{name}` is of type {type(value).__name__}")
    return wheel


def intact(wheel: Wheel) -> bool:
    """Tell whether the file is there and has its digest."""
    return wheel.path.is_file() and sha256_of(wheel.path).hex() == wheel.sha256


@dataclass(frozen=True)
class FolderKeep:
    """Wheels kept in a directory: `<folder>/<digest>/<file>` and `wheel.json` beside it."""

    folder: Path
    narrate: Callable[[str], None]

    def get(self, digest: str) -> Wheel | None:
        """See WheelKeep."""
        place = self.folder / digest
        if not (place / ENTRY).is_file():
            return None
        try:
            wheel = recognise((place / ENTRY).read_bytes(), place)
        except (OSError, ValueError) as error:
            self.narrate(f"the kept wheel {digest[:12]} is passed over: {error}")
            return None
        if not intact(wheel):
            self.narrate(f"the kept wheel {digest[:12]} is passed over: its file does not have its digest")
            return None
        return wheel

    def put(self, digest: str, wheel: Wheel, shaped: Mapping[str, str]) -> None:
        """See WheelKeep; the entry comes last, so a half-written one is never found. A full disk keeps nothing."""
        place = self.folder / digest
        try:
            place.mkdir(parents=True, exist_ok=True)
            # Two processes may share the cache, and make the same wheel.
            part = place / f".{wheel.path.name}.{os.getpid()}.part"
            try:
                shutil.copyfile(wheel.path, part)
                part.replace(place / wheel.path.name)
            finally:
                part.unlink(missing_ok=True)
            write_whole(place / ENTRY, describe(wheel, shaped))
        except (OrchestratorError, OSError) as error:
            self.narrate(f"{wheel} is not kept: {str(error).splitlines()[0]}")


def _digests(variables: Mapping[str, str]) -> str:
    return ", ".join(
        f"{name}={hashlib.sha256(text.encode(errors='surrogateescape')).hexdigest()[:12]}"
        for name, text in sorted(variables.items())
    )


@dataclass(frozen=True)
class NoKeep:
    """Keeps nothing."""

    def get(self, digest: str) -> Wheel | None:  # noqa: ARG002 - the protocol's signature
        """See WheelKeep."""
        return None

    def put(self, digest: str, wheel: Wheel, shaped: Mapping[str, str]) -> None:
        """See WheelKeep."""
