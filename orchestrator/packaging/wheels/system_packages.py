"""Installing `system_packages:` with the package manager that the build image has."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError
from orchestrator.packaging.process import Result, clean_environment, run

Asked = Sequence[str] | Mapping[str, Sequence[str]]
# Names, versions (`libcurl-devel-7.88`, `libpq-dev=15.*`), capabilities (`pkgconfig(libcurl)`), groups (`@development`)
# and files (`/usr/bin/gcc`); never a leading dash, which would be an option.
_NAME = re.compile(r"[A-Za-z0-9@/][A-Za-z0-9@/+._:~=*()-]{0,254}")
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 1800
_SHOWN_LINES = 15
_TOLD_LINES = 60

_UNKNOWN = re.compile(
    r"(?:No match for argument:|Unable to find a match:|Unable to locate package|No package matches|"
    r"Couldn't find any package by (?:glob|regex)|No package(?= \S+ available))\s*'?(?P<name>[^\s']+)"
    r"|Package '?(?P<virtual>[^\s']+)'? has no installation candidate"
    r"|Version '[^']*' for '(?P<versioned>[^']+)' was not found",
)
_NOT_ROOT = re.compile(
    r"superuser privileges|need to be root|are you root|Permission denied|only root can|not permitted", re.IGNORECASE
)
_NETWORK = re.compile(
    r"Failed to (?:fetch|download)|Temporary failure resolving|Could not (?:resolve|connect)|Curl error"
    r"|Cannot (?:download|find a valid baseurl)|Could not retrieve mirrorlist|All mirrors were tried"
    r"|Connection (?:failed|timed out)"
    r"|Could not get lock|Unable to acquire the dpkg|is another process using it|Hash Sum mismatch",
    re.IGNORECASE,
)
_LISTS = (
    ("rpm", "--query", "--all"),
    ("dpkg-query", "--show", "--showformat", r"${Package}:${Architecture} ${Version}\n"),
)
Run = Callable[[Sequence[str]], Result]


@dataclass(frozen=True)
class Manager:
    """One package manager: what it is called, how it is asked, and where its packages are listed."""

    name: str
    refresh: tuple[str, ...]
    install: tuple[str, ...]
    query: tuple[str, ...]


# Recommended packages are left out: they are for people at a desk, and each one is one more download.
_RPM_QUERY = ("rpm", "--query", "--whatprovides", "--queryformat", r"%{NAME} %{VERSION}-%{RELEASE}\n")
MANAGERS = (
    Manager("dnf", (), ("dnf", "--assumeyes", "--quiet", "--setopt=install_weak_deps=False", "install"), _RPM_QUERY),
    Manager("microdnf", (), ("microdnf", "--assumeyes", "--setopt=install_weak_deps=0", "install"), _RPM_QUERY),
    Manager("yum", (), ("yum", "--assumeyes", "--quiet", "install"), _RPM_QUERY),
    Manager(
        "apt-get",
        ("apt-get", "--quiet", "update"),
        ("apt-get", "--quiet", "--yes", "--no-install-recommends", "install"),
        ("dpkg-query", "--show", "--showformat", r"${Package} ${Version}\n"),
    ),
)


@dataclass(frozen=True)
class Installed:
    """A system package that was asked for, as it is installed now."""

    name: str
    version: str


def manager_here(environ: Mapping[str, str] = os.environ) -> Manager | None:
    """Return the package manager of this machine, or None."""
    path = environ.get("PATH", os.defpath)
    return next((manager for manager in MANAGERS if shutil.which(manager.name, path=path)), None)


def names_for(asked: Asked, manager: str) -> tuple[str, ...]:
    """Return what has to be installed with `manager`, sorted; raises ConfigurationError.

    A list goes to whatever manager there is. A mapping has a list for each manager; `microdnf` reads that of `dnf`.
    """
    if isinstance(asked, Mapping):
        key = next((key for key in (manager, {"microdnf": "dnf"}.get(manager, "")) if key in asked), None)
        if asked and key is None:
            raise ConfigurationError(
                f"`system_packages` says nothing for `{manager}`, which is what this image has",
                detail=f"observed: {', '.join(asked)}",
                hint=f"add a list for `{manager}`",
            )
        names = asked[key] if key else ()
    else:
        names = asked
    for name in names:
        if not _NAME.fullmatch(name):
            raise ConfigurationError(
                f"`system_packages` has no usable name: {name[:100]!a}",
                detail="expected: the name of a package of the build image's system, such as `libcurl-devel`",
                hint="correct the name",
            )
    return tuple(sorted(set(names)))


def install_system_packages(
    asked: Asked,
    narrate: Callable[[str], None],
    *,
    environ: Mapping[str, str] = os.environ,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Installed, ...]:
    """Install what is asked for, and return it with the versions that are installed now.

    Raises BuildFailed (no such package), ConfigurationError (no manager, nothing for this one, not root) and
    MachineryError (mirrors that do not answer, after three attempts).
    """
    if not asked:
        return ()
    manager = manager_here(environ)
    if manager is None:
        raise ConfigurationError(
            "this image has no package manager for `system_packages`",
            detail=f"expected one of: {', '.join(manager.name for manager in MANAGERS)}",
            hint="use an image that has one, or one that has the packages already",
        )
    names = names_for(asked, manager.name)
    if not names:
        return ()
    narrate(f"installing {', '.join(names)} with {manager.name}")
    environment = clean_environment({"DEBIAN_FRONTEND": "noninteractive", "LC_ALL": "C.UTF-8"}, environ=environ)

    def call(arguments: Sequence[str]) -> Result:
        return run(arguments, environment=environment, timeout_seconds=_TIMEOUT_SECONDS)

    for line in _install(manager, names, call, sleep)[-_TOLD_LINES:]:
        narrate(f"{manager.name}: {line}")
    installed = _installed(manager, names, call)
    narrate("installed " + ", ".join(f"{package.name} {package.version}" for package in installed))
    return installed


def system_digest(environ: Mapping[str, str] = os.environ) -> str:
    """Return the sha256 (hex) of all system packages and their versions; empty where no package database is."""
    environment = clean_environment({"LC_ALL": "C.UTF-8"}, environ=environ)
    for command in _LISTS:
        if shutil.which(command[0], path=environ.get("PATH", os.defpath)):
            listed = sorted(run(command, environment=environment, timeout_seconds=_TIMEOUT_SECONDS).output.splitlines())
            if listed:
                return hashlib.sha256("\n".join(listed).encode()).hexdigest()
    return ""


def _install(manager: Manager, names: Sequence[str], call: Run, sleep: Callable[[float], None]) -> list[str]:
    """Return the lines that the installation printed."""
    attempt = 1
    while True:
        told, failure = _attempt(manager, names, call)
        if failure is None:
            return told
        if not isinstance(failure, MachineryError) or attempt == _ATTEMPTS:
            raise failure
        sleep(5.0 * attempt)
        attempt += 1


def _attempt(manager: Manager, names: Sequence[str], call: Run) -> tuple[list[str], OrchestratorError | None]:
    text = ""
    told: list[str] = []
    # apt-get ends its `update` with 0 although a mirror was down, so its text is judged together with what follows.
    for command in filter(None, (manager.refresh, (*manager.install, *names))):
        result = call(command)
        told = [line for line in result.output.splitlines() if line.strip()]
        text += f"{result.output}\n{result.errors}\n"
        if result.code:
            return told, _failure(manager, names, text)
    # yum passes over names it does not know, and ends with 0.
    return told, _failure(manager, names, text) if _unknown(text) else None


def _failure(manager: Manager, names: Sequence[str], text: str) -> OrchestratorError:
    detail = "\n".join([line for line in text.splitlines() if line.strip()][-_SHOWN_LINES:])
    what = f"`{manager.name}` cannot install {', '.join(f'`{name}`' for name in names)}"
    if _NOT_ROOT.search(text):
        return ConfigurationError(
            what, detail=detail, hint="system packages need root: use an image whose user is root, or that has them"
        )
    if _NETWORK.search(text):
        return MachineryError(what, detail=detail, hint="start the build again; check that it can reach the mirrors")
    if unknown := _unknown(text):
        culprits = ", ".join(f"`{name}`" for name in unknown)
        return BuildFailed(
            f"`{manager.name}` knows no package {culprits}",
            detail=detail,
            hint=f"look up how the system of the build image calls it, and correct `system_packages:` ({manager.name})",
        )
    return BuildFailed(what, detail=detail, hint="the lines above are its own")


def _unknown(text: str) -> list[str]:
    names = {found["name"] or found["virtual"] or found["versioned"] for found in _UNKNOWN.finditer(text)}
    return sorted(name.rstrip(",.") for name in names)


def _installed(manager: Manager, names: Sequence[str], call: Run) -> tuple[Installed, ...]:
    """Ask which versions are there; groups and patterns name nothing that could be asked for."""
    plain = [name.partition("=")[0] for name in names if not name.startswith("@") and "*" not in name.partition("=")[0]]
    if not plain:
        return ()
    found = set()
    for line in call([*manager.query, *plain]).output.splitlines():
        name, _, version = line.partition(" ")
        if version and " " not in version:
            found.add(Installed(name, version))
    return tuple(sorted(found, key=lambda package: (package.name, package.version)))
