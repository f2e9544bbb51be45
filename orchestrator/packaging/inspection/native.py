"""Rules about machine code: the processor, the system, and the C library that it was made for."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from orchestrator.packaging.inspection.contents import Contents
from orchestrator.packaging.inspection.distributions import Distribution, Distributions
from orchestrator.packaging.inspection.elf import Elf
from orchestrator.packaging.inspection.foreign import WINDOWS
from orchestrator.packaging.inspection.model import Rule, Severity
from orchestrator.packaging.inspection.problem import Problem
from orchestrator.packaging.inspection.python_abi import check_extension, check_tags, is_for_other_python
from orchestrator.packaging.runtimes import Target

_SYSTEM_DIRECTORIES = {"/lib", "/lib64", "/usr/lib", "/usr/lib64"}


class Native(NamedTuple):
    """What is wrong with machine code, and the ELF files that the target can load, by name."""

    problems: tuple[Problem, ...]
    fitting: Mapping[str, Elf]


def check_native(contents: Contents, distributions: Distributions, target: Target) -> Native:
    """Judge every file that is machine code."""
    problems: list[Problem] = []
    fitting: dict[str, Elf] = {}
    for name, elf in sorted(contents.elves.items()):
        if elf.is_for_coprocessor:
            continue
        problem = _elf_problem(name, elf, contents, target)
        if problem:
            problems.append(problem)
        elif not elf.is_relocatable and not is_for_other_python(name, target):
            fitting[name] = elf
    problems += [
        Problem(Rule.FORMAT, name, system, f"machine code of {system}", "Linux")
        for name, system in sorted(contents.foreign.items())
    ]
    several = _for_every_system(fitting, distributions)
    judged = [_weighed(problem, distributions, several) for problem in problems]
    judged += check_tags(distributions, fitting, {distributions.of(p.file) for p in problems}, target)
    return Native(tuple(judged), fitting)


def _elf_problem(name: str, elf: Elf, contents: Contents, target: Target) -> Problem | None:
    if (elf.machine, elf.bits, elf.little_endian) != (target.elf_machine, 64, True):
        severity = Severity.WARNING if elf.is_relocatable else Severity.ERROR
        expected = f"ELF 64-bit little-endian {target.machine}"
        return Problem(Rule.MACHINE, name, elf.processor, str(elf), expected, severity=severity)
    if elf.damage:
        return Problem(Rule.CONTENT, name, "ELF", f"a damaged ELF file: {elf.damage}", "one that can be loaded")
    if elf.is_relocatable:
        return None
    if musl := _musl(name, elf):
        return Problem(Rule.ABI, name, "musl", f"code for musl ({musl})", "code for glibc")
    if elf.interpreter and not _is_loader(elf.interpreter, target):
        observed = f"a program that is started by `{elf.interpreter}`"
        return Problem(Rule.LIBRARY, name, elf.interpreter, observed, "the loader of the system")
    return check_extension(name, contents.elves, target)


def _musl(name: str, elf: Elf) -> str:
    """Say how we know that this is for Alpine's C library, or nothing."""
    if elf.interpreter and posixpath.basename(elf.interpreter).startswith("ld-musl-"):
        return elf.interpreter
    if found := [library for library in elf.needed if library.startswith("libc.musl-")]:
        return found[0]
    return "its name" if re.search(r"-linux-musl[a-z]*\.so$", name) else ""


def _is_loader(interpreter: str, target: Target) -> bool:
    folder, _, name = interpreter.rpartition("/")
    return folder in _SYSTEM_DIRECTORIES and name in target.guaranteed


def _for_every_system(fitting: Iterable[str], distributions: Distributions) -> set[Distribution]:
    """Return the distributions that are the same for every system and have code for this one."""
    return {
        distribution
        for distribution in map(distributions.of, fitting)
        if distribution and (distribution.is_pure or distribution.is_node)
    }


def _weighed(problem: Problem, distributions: Distributions, several: set[Distribution]) -> Problem:
    """Make a warning of what is there for other systems.

    Launchers for Windows are data of pure Python distributions (setuptools, distlib). Some distributions bring one file
    for each system and choose when they run (debugpy, selenium, Node packages with `prebuilds/`); they may, as long
    as the target's is among them.
    """
    distribution = distributions.of(problem.file)
    if distribution is None or problem.rule not in (Rule.MACHINE, Rule.FORMAT, Rule.ABI):
        return problem
    launcher = problem.subject == WINDOWS and problem.file.lower().endswith(".exe") and distribution.is_pure
    if launcher or distribution in several:
        advice = "nothing in Lambda runs it; leave it out with `exclude:` to save the space"
        return problem._replace(severity=Severity.WARNING, advice=advice)
    return problem
