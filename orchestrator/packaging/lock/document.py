"""The text of a lock (PEP 751): read, freed of what is private to this machine, and written in one way only."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping
from datetime import datetime, timezone
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from packaging.pylock import Pylock, PylockUnsupportedVersionError, PylockValidationError

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.packaging.lock.credentials import public
from orchestrator.packaging.runtimes import Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

CREATED_BY = "codebuild-orchestrator"
_BARE = re.compile(r"[A-Za-z0-9_-]+")
_FILES = ("sdist", "archive", "directory", "vcs")
_CREDENTIAL = re.compile(rb"://[^/\s\"']*@")
Table = dict[str, Any]


def toml_of(text: str, where: str) -> Table:
    """Return what a TOML file says; raises ConfigurationError."""
    try:
        document: Table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigurationError(f"`{where}` is no TOML", detail=str(error), hint="correct the file") from None
    return document


def pylock_of(document: Mapping[str, Any], where: str) -> Pylock:
    """Check a lock against the specification; raises ConfigurationError."""
    try:
        return Pylock.from_dict(document)
    except PylockUnsupportedVersionError as error:
        raise ConfigurationError(
            f"`{where}` is of an unknown version", detail=str(error), hint="write it anew"
        ) from None
    except PylockValidationError as error:
        raise ConfigurationError(
            f"`{where}` is no lock as PEP 751 defines it", detail=str(error), hint="write it anew with your lock tool"
        ) from None


def has_credentials(text: bytes) -> bool:
    """Tell whether a URL in the text holds a user name or password."""
    return bool(_CREDENTIAL.search(text))


def without_machine(document: Table, base: Path, tree: Path) -> Table:
    """Return the lock with paths relative to `tree` and URLs without passwords; `base` is where it was written.

    Raises Refused for a path outside the tree.
    """
    packages = []
    for package in document.get("packages", ()):
        changed = {key: value for key, value in package.items() if key != "index"}
        for key in _FILES:
            if key in changed:
                changed[key] = _relative(changed[key], base, tree)
        if "wheels" in changed:
            changed["wheels"] = [_relative(wheel, base, tree) for wheel in changed["wheels"]]
        packages.append(changed)
    return {**document, "created-by": CREATED_BY, "packages": packages}


def for_one_target(document: Table, target: Target) -> Table:
    """Return a lock that says itself for which target it was made."""
    marker = f"sys_platform == 'linux' and platform_machine == '{target.machine}'"
    return {
        "lock-version": "1.0",
        "environments": [f"{marker} and python_version == '{target.python_version}'"],
        "requires-python": f"=={target.python_version}.*",
        "created-by": CREATED_BY,
        "packages": document.get("packages", []),
    }


def rendered(document: Mapping[str, Any]) -> bytes:
    """Return the one text of a lock: the same content gives the same bytes."""
    head = {key: value for key, value in document.items() if key not in ("packages", "tool")}
    lines = [f"{key} = {toml_value(value)}" for key, value in head.items()]
    for package in document.get("packages", ()):
        lines += ["", "[[packages]]", *(f"{key} = {toml_value(value)}" for key, value in package.items())]
    return ("\n".join(lines) + "\n").encode()


def inside(path: Path, tree: Path) -> Path:
    """Return the resolved path; raises Refused if it lies outside the tree."""
    resolved, root = path.resolve(), tree.resolve()
    if resolved != root and root not in resolved.parents:
        raise Refused(
            f"`{path.name}` lies outside the repository",
            detail="expected: a path inside the commit",
            hint="keep what a package needs in its repository",
        )
    return resolved


def file_path(url: str) -> Path | None:
    """Return the path of a `file:` URL, or None for any other."""
    parts = urlsplit(url)
    return Path(unquote(parts.path)) if parts.scheme == "file" else None


def file_name_of(entry: Mapping[str, Any]) -> str:
    """Return the name of a file in a lock: its own, else the last part of its path or URL (PEP 751)."""
    name = entry.get("name") or str(entry.get("path", "")).replace("\\", "/").rpartition("/")[2]
    return str(name or unquote(urlsplit(str(entry.get("url", ""))).path.rpartition("/")[2]))


def _relative(entry: Table, base: Path, tree: Path) -> Table:
    changed = {key: value for key, value in entry.items() if key != "editable"}
    path = changed.get("path")
    linked = file_path(changed.get("url", ""))
    if path is None and linked is not None and tree.resolve() in linked.resolve().parents:
        path = str(linked)
        del changed["url"]
    if path is not None:
        return {"path": inside(base / path, tree).relative_to(tree.resolve()).as_posix(), **_without(changed, "path")}
    return {**changed, "url": public(changed["url"])} if "url" in changed else changed


def _without(table: Table, key: str) -> Table:
    return {name: value for name, value in table.items() if name != key}


def toml_value(value: Any) -> str:
    """Return a value as TOML 1.0."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, datetime):
        utc = value.astimezone(timezone.utc) if value.tzinfo else value
        return utc.replace(tzinfo=None).isoformat() + ("Z" if value.tzinfo else "")
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, Mapping):
        return "{ " + ", ".join(f"{_key(key)} = {toml_value(item)}" for key, item in value.items()) + " }"
    if len(value) > 1:
        return "[\n" + "".join(f"    {toml_value(item)},\n" for item in value) + "]"
    return "[" + ", ".join(toml_value(item) for item in value) + "]"


def _key(key: str) -> str:
    return key if _BARE.fullmatch(key) else _string(key)


def _string(text: str) -> str:
    """Return a TOML basic string (TOML 1.0: control characters are escaped)."""
    shown = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(f"\\u{ord(char):04x}" if ord(char) < 32 or ord(char) == 127 else char for char in shown) + '"'
