"""Rules about needed libraries and their symbol versions."""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from itertools import islice

from orchestrator.packaging.inspection.advice import LibraryAdvice, library_advice, version_advice
from orchestrator.packaging.inspection.contents import Contents
from orchestrator.packaging.inspection.distributions import Distributions
from orchestrator.packaging.inspection.elf import VersionNeed
from orchestrator.packaging.inspection.filesystem import FileSystem
from orchestrator.packaging.inspection.loading import SYSTEM, Loader, Need, providers_of
from orchestrator.packaging.inspection.model import Rule, Severity
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.inspection.versions import PRIVATE, is_offered, version_number
from orchestrator.packaging.runtimes import Target

# A package of a thousand libraries has some ten thousand; a hostile one is not followed to its end.
_MOST_NEEDS = 500_000
_FIRST = LibraryAdvice("see to it that the code imports the other module first; most distributions do so themselves")


def check_libraries(
    files: FileSystem, contents: Contents, distributions: Distributions, target: Target
) -> Iterator[Problem]:
    """Load every ELF file as the runtime would, and yield what would be missing or is promised by nobody."""
    needs = list(islice(Loader(files, target).load_all(), _MOST_NEEDS + 1))
    if len(needs) > _MOST_NEEDS:
        file = files.shown[needs[-1].root]
        yield Problem(Rule.CONTENT, file, "needs", f"more than {_MOST_NEEDS} needed libraries", "fewer")
    yield from _missing(needs, files, distributions)
    yield from _unpromised(needs, files, target)
    from_system = {(need.path, need.library) for need in needs if need.provider == SYSTEM}
    for path in files.of_package:
        yield from _versions(path, files, contents, distributions, from_system, target)


def _missing(needs: Iterable[Need], files: FileSystem, distributions: Distributions) -> Iterator[Problem]:
    found = {need.library for need in needs if need.provider not in (None, SYSTEM)}
    told: set[tuple[str, str]] = set()
    for need in needs:
        if need.provider is not None or (need.path, need.library) in told:
            continue
        told.add((need.path, need.library))
        file = files.shown[need.path]
        # Another file of the package finds it: whoever imports that one first finds it loaded (torchvision and torch).
        later = need.library in found
        beside = [files.shown[path] for path in providers_of(files, need.library)]
        root = files.shown[need.root]
        through = "" if distributions.of(root) == distributions.of(file) else f" when `{root}` is loaded"
        observed = f"`{need.library}` that nothing brings{through}"
        if later:
            observed = f"`{need.library}` that is found only if another module has loaded it{through}"
        elif beside:
            observed = f"`{need.library}`, which is in the package where the loader does not look{through}"
        advice = _FIRST if later else library_advice(need.library, distributions.of(file), beside)
        yield Problem(
            Rule.LIBRARY,
            file,
            need.library,
            f"a need for {observed}",
            "a library of the package, its layers or the runtime",
            advice.text,
            Severity.WARNING if later or advice.optional else Severity.ERROR,
        )


def _unpromised(needs: Iterable[Need], files: FileSystem, target: Target) -> Iterator[Problem]:
    pairs = dict.fromkeys((need.path, need.library) for need in needs if need.provider == SYSTEM)
    for path, library in pairs:
        if library not in target.guaranteed:
            yield Problem(
                Rule.UNPROMISED,
                files.shown[path],
                library,
                f"a need for `{library}`, which {target.runtime.system} has today",
                "a library that AWS promises, or one of the package",
                f"put `{library}` into `lib/` or a layer, so that an update of the runtime cannot take it away",
                Severity.WARNING,
            )


def _versions(
    path: str,
    files: FileSystem,
    contents: Contents,
    distributions: Distributions,
    from_system: Container[tuple[str, str]],
    target: Target,
) -> Iterator[Problem]:
    """Yield the newest version of every family that the runtime's libraries do not have."""
    file = files.shown[path]
    late: dict[str, VersionNeed] = {}
    for need in files.elves[path].versions:
        judged = need.name.startswith("GLIBC_") or (path, need.library) in from_system
        if need.weak or not judged or is_offered(need.name, target.runtime.versions):
            continue
        family, number = version_number(need.name) or (PRIVATE, ())
        if family not in late or number > (version_number(late[family].name) or ("", ()))[1]:
            late[family] = need
    distribution = distributions.of(file) if late else None
    for family, need in late.items():
        symbols = ", ".join(contents.symbols.get(file, {}).get(need.index, ()))
        offered = target.runtime.versions.get(family)
        limit = f"{family}_{'.'.join(map(str, offered))}" if offered else ""
        yield Problem(
            Rule.VERSION,
            file,
            need.name,
            f"a need for {need.name}{f' ({symbols})' if symbols else ''} of `{need.library}`",
            f"at most {limit}, which {target.runtime.system} has" if limit else "no private symbols of the C library",
            version_advice(need.name, distribution, target),
        )
