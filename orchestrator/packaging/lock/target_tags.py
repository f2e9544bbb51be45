"""The target as wheels and markers see it: compatibility tags and marker environment (PEP 425, 508, 600)."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING

from packaging.tags import Tag, compatible_tags, cpython_tags
from packaging.utils import InvalidWheelFilename, parse_wheel_filename

from orchestrator.packaging.runtimes import Target, Version

if TYPE_CHECKING:
    from packaging.markers import Environment

# PEP 600: the older names of these levels. manylinux began at 2.5 on x86-64, and at 2.17 everywhere else.
_OLDER_NAMES = {(2, 17): "manylinux2014", (2, 12): "manylinux2010", (2, 5): "manylinux1"}
_LOWEST_MINOR = {"x86_64": 5, "aarch64": 17}
# Lambda keeps a runtime at the newest patch release by itself, so "at least 3.12.4" holds and "before 3.12.4" does not.
_PATCH = 99


def target_tags(target: Target) -> tuple[Tag, ...]:
    """Return all tags that the target can load, best first: never musllinux, never free-threaded.

    `linux_<machine>` comes last: such a wheel promises nothing about the C library, so only its content can tell.
    """
    return tuple(_ranks(target.python_version, target.machine, target.runtime.glibc))


def wheel_rank(name: str, target: Target) -> int | None:
    """Return how good a wheel is for the target (0 is best), or None if it cannot be loaded there."""
    if not name.endswith(".whl"):
        return None
    # Nearly all names are ruled out by this, at a hundredth of the price of parsing them.
    if not name.endswith("-any.whl") and not ("linux" in name and target.machine in name):
        return None
    try:
        tags = parse_wheel_filename(name)[3]
    except InvalidWheelFilename:
        return None
    ranks = _ranks(target.python_version, target.machine, target.runtime.glibc)
    return min((ranks[tag] for tag in tags if tag in ranks), default=None)


def is_for_linux(name: str) -> bool:
    """Tell whether a wheel's name says that it has machine code for some Linux.

    What is compiled for Windows or macOS only, such as `asyncio` 3.4.3, is complete without that elsewhere.
    """
    return name.endswith(".whl") and "linux" in name.rpartition("-")[2]


def marker_environment(target: Target) -> Environment:
    """Return the values of the environment markers on the target."""
    full = f"{target.python_version}.{_PATCH}"
    return {
        "implementation_name": "cpython",
        "implementation_version": full,
        "os_name": "posix",
        "platform_machine": target.machine,
        "platform_python_implementation": "CPython",
        "platform_release": "",
        "platform_system": "Linux",
        "platform_version": "",
        "python_full_version": full,
        "python_version": target.python_version,
        "sys_platform": "linux",
    }


def described(target: Target) -> str:
    """Return what a wheel must fit, in words: `glibc <= 2.26 on aarch64 / cp311`."""
    return f"{glibc_words(target.runtime.glibc)} on {target.machine} / cp{target.python_version.replace('.', '')}"


def glibc_words(glibc: Version) -> str:
    """Return `glibc <= 2.26`."""
    return f"glibc <= {'.'.join(str(part) for part in glibc)}"


@cache
def _ranks(python_version: str, machine: str, glibc: Version) -> dict[Tag, int]:
    major, minor = (int(part) for part in python_version.split("."))
    interpreter = f"cp{major}{minor}"
    platforms = _platforms(machine, glibc)
    tags = (
        *cpython_tags((major, minor), abis=[interpreter], platforms=platforms),
        *compatible_tags((major, minor), interpreter, platforms),
    )
    return {tag: rank for rank, tag in enumerate(dict.fromkeys(tags))}


def _platforms(machine: str, glibc: Version) -> list[str]:
    major, newest = glibc[:2]
    platforms = []
    for minor in range(newest, _LOWEST_MINOR[machine] - 1, -1):
        platforms.append(f"manylinux_{major}_{minor}_{machine}")
        if older := _OLDER_NAMES.get((major, minor)):
            platforms.append(f"{older}_{machine}")
    return [*platforms, f"linux_{machine}"]
