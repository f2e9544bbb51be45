"""Why a package is taken as it is: the sentences of a plan."""

from __future__ import annotations

from collections.abc import Sequence

from packaging.specifiers import SpecifierSet
from packaging.utils import InvalidWheelFilename, parse_wheel_filename
from packaging.version import Version

from orchestrator.packaging.lock.evidence import Evidence
from orchestrator.packaging.lock.target_tags import described, glibc_words
from orchestrator.packaging.runtimes import Target

_MANY = 4


def of_wheel(name: str) -> str:
    """Say which file is taken."""
    promise = "; its tag promises nothing about glibc, the inspection decides" if "-linux_" in name else ""
    return f"{name}{promise}"


def of_compile(name: str, version: Version | None, evidence: Evidence | None, target: Target) -> str:
    """Say what is missing, and which version would not have to be compiled."""
    missing = f"no wheel of {name}{f' {version}' if version else ''} for {described(target)}"
    if evidence is None:
        return missing
    everything = Evidence(evidence.project, target, SpecifierSet())
    compiled = evidence.is_compiled_somewhere()
    if newest := everything.newest_with_wheel(compiled=compiled):
        return f"{missing}; newest {name} with a wheel for {glibc_words(target.runtime.glibc)} is {newest}"
    return f"no version of {name} has a {'compiled ' if compiled else ''}wheel for {described(target)}"


def of_fallback(name: str, version: Version, *, has_sdist: bool) -> str:
    """Say that only the slow variant of a package would be taken."""
    way = "its source is compiled instead" if has_sdist else "and there is no source distribution to compile"
    return (
        f"{name} {version} has compiled wheels for other targets, for this one only its pure-Python fallback: {way} "
        f"(`allow_pure: [{name}]` takes the fallback)"
    )


def of_placeholder(name: str, version: Version) -> str:
    """Say that a wheel has nothing in it."""
    return f"{name} {version} is a placeholder: its wheel holds no code"


def of_absence(name: str, evidence: Evidence | None, target: Target) -> str:
    """Say why no file of a project can be used for the target, or nothing if one can."""
    if evidence is None:
        return f"no index has a project `{name}`"
    releases = evidence.project.releases
    if not evidence.allowed:
        return _no_version(name, evidence, max(releases, default=None))
    usable = list(evidence.for_python())
    if not usable:
        asked = next((file.requires_python for file in releases[evidence.allowed[0]]), "")
        return f"{name} {evidence.allowed[0]} requires Python {asked}, the target has {target.python_version}"
    if any(evidence.wheel(version) or evidence.sdist(version) for version in usable):
        return ""
    offered = sorted({platform_words(file.name) for file in evidence.usable(usable[0]) if file.is_wheel})
    return of_missing(name, str(usable[0]), offered, target)


def of_missing(name: str, version: str, offered: Sequence[str], target: Target) -> str:
    """Say that there are only files for other targets."""
    shown = ", ".join(offered[:_MANY]) + (f" and {len(offered) - _MANY} more" if len(offered) > _MANY else "")
    return f"{name} {version} has no wheel for {described(target)} (only {shown}) and no source distribution"


def platform_words(wheel: str) -> str:
    """Return interpreter and platform of a wheel: `cp312 macosx_11_0_arm64`."""
    try:
        tags = sorted(parse_wheel_filename(wheel)[3], key=str)
    except InvalidWheelFilename:
        return wheel
    return f"{tags[0].interpreter} {tags[0].platform}"


def _no_version(name: str, evidence: Evidence, newest: Version | None) -> str:
    if newest is None:
        return f"the project `{name}` has no files: all its versions were removed"
    wanted = str(evidence.wanted)
    matching = [version for version in evidence.project.releases if evidence.wanted.contains(version, prereleases=True)]
    if matching and all(file.yanked for version in matching for file in evidence.project.releases[version]):
        return f"every version of {name} that satisfies `{wanted}` is yanked"
    return f"no version of {name} satisfies `{wanted}`; the newest is {newest}"
