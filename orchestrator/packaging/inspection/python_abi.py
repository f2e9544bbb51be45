"""Which Python an extension module is for: by its name, and by the tags of the wheel that brought it."""

from __future__ import annotations

import re
from collections.abc import Container, Iterable, Iterator

from orchestrator.packaging.inspection.distributions import Distribution, Distributions
from orchestrator.packaging.inspection.model import Rule, Severity
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.runtimes import Target

# What CPython's import system puts between the module's name and `.so` (PEP 3149, PEP 384, PEP 703), and its relatives.
_SUFFIX = re.compile(
    r"\.(?P<abi>cpython-3[0-9]+[a-z]*|abi3t?|pypy[0-9_]+-pp[0-9]+|graalpy[0-9]+-[0-9]+)(?:-(?P<platform>[a-z0-9_-]+))?\.so$"
)
_LAYER_DIRECTORY = re.compile(r"(?:^|/)python/lib/python(?P<version>[0-9.]+)/")


def is_for_other_python(name: str, target: Target) -> bool:
    """Return whether a layer keeps this file for a runtime of another Python, which this one never looks at."""
    match = _LAYER_DIRECTORY.search(name)
    return bool(match and target.runtime.python is not None and match["version"] != target.runtime.python)


def check_extension(name: str, names: Container[str], target: Target) -> Problem | None:
    """Compare the tag in the name of an extension module with the ones that the runtime's import system looks for.

    A module for another Python is dead weight, not a defect, if the one for this Python is beside it.
    """
    match = _SUFFIX.search(name)
    if not match or target.runtime.python is None or is_for_other_python(name, target):
        return None
    abi, platform = match["abi"], match["platform"]
    wanted_platform = f"{target.machine}-linux-gnu"
    if abi not in (target.abi_tag, "abi3"):
        observed, expected = f"an extension for `{abi}`", f"`{target.abi_tag}`"
    elif platform and platform != wanted_platform:
        observed, expected = f"an extension for `{platform}`", f"`{wanted_platform}`"
    else:
        return None
    stem = name[: match.start()]
    twins = (f".{target.abi_tag}-{wanted_platform}.so", f".{target.abi_tag}.so", ".abi3.so", ".so")
    has_twin = any(f"{stem}{twin}" in names for twin in twins)
    return Problem(
        Rule.ABI,
        name,
        f"{abi}-{platform}" if platform else abi,
        observed,
        expected,
        "the module for this Python is beside it; leave this one out with `exclude:`" if has_twin else "",
        Severity.WARNING if has_twin else Severity.ERROR,
    )


def check_tags(
    distributions: Distributions, fitting: Iterable[str], judged: Container[Distribution | None], target: Target
) -> Iterator[Problem]:
    """Yield a problem for wheels with machine code none of whose tags lets this Python load it.

    The names of modules need not say what they are for; the tags of the wheel have to (PEP 425).
    """
    if target.runtime.python is None:
        return
    wanted = f"one for `cp{target.runtime.python.replace('.', '')}` or an older `abi3`"
    for distribution in sorted({found for found in map(distributions.of, fitting) if found}, key=str):
        if distribution in judged or distribution.is_pure or not distribution.tags:
            continue
        if not any(_accepts(tag, target.runtime.python) for tag in distribution.tags):
            shown = ", ".join(f"`{tag}`" for tag in distribution.tags[:3])
            file = f"{distribution.folder}WHEEL"
            yield Problem(Rule.ABI, file, distribution.tags[0], f"a wheel tagged {shown}", wanted)


def _accepts(tag: str, python: str) -> bool:
    """Return whether CPython of this version takes a tag such as `cp311-abi3-…`, leaving the platform aside."""
    pythons, _, rest = tag.partition("-")
    abis = rest.partition("-")[0].split(".")
    minor = int(python.partition(".")[2])
    if f"cp3{minor}" in pythons.split(".") and f"cp3{minor}" in abis:
        return True
    for word in pythons.split("."):
        match = re.fullmatch(r"(?P<kind>cp|py)3(?P<minor>[0-9]{0,4})", word)
        old_enough = match is not None and int(match["minor"] or 0) <= minor
        if match and old_enough and ("none" in abis or ("abi3" in abis and match["kind"] == "cp")):
            return True
    return False
