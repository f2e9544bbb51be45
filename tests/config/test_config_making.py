"""Guarantees about what a package may say about its making, and how mistakes in it are told."""

from __future__ import annotations

import re
from typing import Any

import pytest

from orchestrator.config import parse
from orchestrator.errors import ConfigurationError
from orchestrator.packaging.inspection.model import Rule
from orchestrator.vocabulary import Kind, Where

START = "project: demo\nregion: eu-central-1\npackages:\n  parser:\n    source: src\n"
CUSTOM = "    kind: custom\n    commands: [make]\n    output: dist\n"


def package(addition: str) -> Any:
    """Return the package of a file with these lines more."""
    return parse(START + addition, "orchestrator.yml", {}).packages["parser"]


def problems(addition: str) -> str:
    """Return what is wrong with a file with these lines more."""
    with pytest.raises(ConfigurationError) as caught:
        parse(START + addition, "orchestrator.yml", {})
    return caught.value.detail


def test_every_key_is_kept_as_it_is_written() -> None:
    """A package that says everything about its making is accepted."""
    found = package(
        "    system_packages: [libcurl-devel, 'gcc-c++', 'libpq-dev=15.*']\n"
        "    exclude: ['*/tests/*', 'botocore/*']\n"
        "    bytecode: true\n"
        "    smoke: [lxml, lxml.etree]\n"
        "    allow:\n"
        "      - {rule: library, file: 'cv2/*', subject: libGL.so.1, reason: only its display functions need it}\n"
        "    allow_pure: [Wrapt, zope.interface]\n"
        "    build: {where: auto, keep_wheels: false}\n"
    )
    assert found.system_packages == ("libcurl-devel", "gcc-c++", "libpq-dev=15.*")
    assert found.exclude == ("*/tests/*", "botocore/*")
    assert found.smoke == ("lxml", "lxml.etree")
    assert (found.allow[0].rule, found.allow[0].file) == (Rule.LIBRARY, "cv2/*")
    assert found.allow_pure == ("wrapt", "zope-interface")
    assert (found.build.where, found.build.keep_wheels, found.bytecode) == (Where.AUTO, False, True)


def test_packages_can_be_named_for_each_manager() -> None:
    """Distributions call a library by different names; each manager gets its own."""
    found = package("    system_packages: {dnf: [libcurl-devel], apt-get: [libcurl4-openssl-dev]}\n")
    assert found.system_packages.by_manager() == {"dnf": ("libcurl-devel",), "apt-get": ("libcurl4-openssl-dev",)}


def test_own_commands_make_a_package() -> None:
    """`kind: custom` takes commands in any language, for any runtime."""
    found = package(CUSTOM + "    runtime: provided.al2023\n")
    assert (found.kind, found.commands, found.output) == (Kind.CUSTOM, ("make",), "dist")


def test_settings_for_all_packages_hold_for_each() -> None:
    """`where` and `keep_wheels` may be written once for all, and again for one."""
    text = START + "    build: {where: codebuild}\n  other: {}\nbuild: {where: auto, keep_wheels: false}\n"
    packages = parse(text, "orchestrator.yml", {}).packages
    assert [item.build.where for item in packages.values()] == [Where.CODEBUILD, Where.AUTO]
    assert [item.build.keep_wheels for item in packages.values()] == [False, False]


def test_the_table_of_runtimes_can_be_extended() -> None:
    """A runtime that is newer than this program is described in the file; dates may stand without quotes."""
    rows = 'runtimes:\n  python3.15: {system: Amazon Linux 2023, python: "3.15", deprecated: 2031-06-30}\n'
    configuration = parse(START + "    runtime: python3.15\n" + rows, "orchestrator.yml", {})
    assert configuration.runtimes["python3.15"].as_row() == {
        "system": "Amazon Linux 2023",
        "python": "3.15",
        "deprecated": "2031-06-30",
    }


def test_a_known_runtime_can_be_corrected() -> None:
    """One date is enough to correct a row of the table."""
    configuration = parse(START + "runtimes: {python3.12: {block_create: '2030-01-01'}}\n", "orchestrator.yml", {})
    assert configuration.runtimes["python3.12"].as_row() == {"block_create": "2030-01-01"}


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("    kind: custum\n", r"6: .*kind: expected `function`, `layer` or `custom`, .*; did you mean `custom`\?"),
        ("    commands: [make]\n", r"6: .*commands: has an effect only with `kind: custom`, found `kind: function`"),
        ("    output: dist\n", r"6: .*output: has an effect only with `kind: custom`"),
        ("    kind: custom\n    commands: [make]\n", r"parser.output: missing, `kind: custom` needs the directory"),
        ("    kind: custom\n    output: dist\n", r"parser.commands: missing, `kind: custom` needs the commands"),
        (CUSTOM + "    requirements: r.txt\n", r"9: .*requirements: has no effect with `kind: custom`"),
        (CUSTOM + "    bytecode: true\n", r"9: .*bytecode: has no effect with `kind: custom`"),
        (CUSTOM + "    allow_pure: [a]\n", r"9: .*allow_pure: has no effect with `kind: custom`"),
        (
            CUSTOM + "    runtime: nodejs22.x\n    smoke: [a]\n",
            r"10: .*smoke: has no effect with `runtime: nodejs",
        ),
        ("    runtime: nodejs22.x\n", r"kind: expected `custom` for `runtime: nodejs22.x`"),
        ("    kind: layer\n    runtime: provided.al2\n", r"6: .*kind: expected `custom` for"),
        ("    runtime: python3.9\n", r"6: .*found the text `python3.9`; did you mean `python3"),
        (
            "    runtime: Python3.12\n",
            r"6: .*runtime: expected the name.*did you mean `python3.12`",
        ),
        ("    commands: make\n", r"6: .*commands: expected a list, found the text `make`"),
        (CUSTOM.replace("[make]", "[7]"), r"7: .*commands.0: expected text, found the number `7`; put it in quotes"),
        (CUSTOM.replace("[make]", "['']"), r"7: .*commands.0: expected a command"),
        (
            CUSTOM.replace("make", "curl -H glpat-abcdefgh12345678"),
            r"7: .*commands.0: .*looks like a GitLab",
        ),
        (CUSTOM.replace("dist", "../dist"), r"8: .*output: expected a path"),
        ("    system_packages: [--nogpgcheck]\n", r"6: .*system_packages.0: expected the name of a system package"),
        ("    system_packages: [curl-]\n", r"6: .*system_packages.0: .*would be removed"),
        ("    system_packages: ['curl git']\n", r"6: .*system_packages.0: expected the name"),
        ("    system_packages: curl\n", r"6: .*system_packages: expected a list, found the text `curl`"),
        ("    system_packages: {dnff: [curl]}\n", r"6: .*system_packages.dnff: unknown key, did you mean `dnf`\?"),
        ("    system_packages: {dnf: curl}\n", r"6: .*system_packages.dnf: expected a list"),
        ("    system_packages: {apt-get: [-y]}\n", r"6: .*system_packages.apt-get.0: expected the name"),
        ("    exclude: ['/abs/*']\n", r"6: .*exclude.0: expected a pattern"),
        ("    exclude: ['a/../b']\n", r"6: .*exclude.0: expected a pattern"),
        ("    exclude: ['']\n", r"6: .*exclude.0: expected a pattern"),
        ("    bytecode: maybe\n", r"6: .*bytecode: expected true or false"),
        ("    smoke: [lxml.]\n", r"6: .*smoke.0: expected the name of a Python module"),
        ("    smoke: [import os]\n", r"6: .*smoke.0: expected the name of a Python module"),
        ("    allow: [{rule: library}]\n", r"6: .*allow.0.reason: missing, expected why"),
        ("    allow: [{reason: why not}]\n", r"6: .*allow.0.rule: missing, expected the rule"),
        ("    allow: [{rule: libary, reason: x}]\n", r"6: .*allow.0.rule: .*did you mean `library`\?"),
        ("    allow: [{rule: library, reason: ' '}]\n", r"6: .*allow.0.reason: expected the reason"),
        ("    allow: [{rule: library, reasn: x}]\n", r"6: .*allow.0.reasn: unknown key, did you mean `reason`\?"),
        ("    allow: {rule: library}\n", r"6: .*allow: expected a list, found a block"),
        ("    allow_pure: ['-x']\n", r"6: .*allow_pure.0: expected the name of a Python package"),
        ("    build: {where: jobs}\n", r"6: .*where: expected `codebuild` or `auto`"),
        (
            "    where: auto\n",
            r"6: .*where: unknown key here, it belongs to .* or `build.where`",
        ),
        ("    build: {keep_wheels: 1}\n", r"6: .*keep_wheels: expected true or false"),
        ("runtimes: {python3.15: {}}\n", r"6: runtimes.python3.15: needs `system`"),
        ("runtimes: {python3.15: {system: AL2023}}\n", r"6: runtimes.python3.15.system: expected `Amazon Linux 2"),
        (
            "runtimes: {python3.12: {python: 3.12}}\n",
            r"python: expected text, found the number `3.12`; put it",
        ),
        ("runtimes: {python3.12: {deprecated: 2030-02-31}}\n", r"deprecated: expected a day such as"),
        ("runtimes: {python3.12: {versions: {GLIBC: new}}}\n", r"versions.GLIBC: expected a version"),
        ("runtimes: {python3.12: {versions: {GLBC: '2.4'}}}\n", r"runtimes.python3.12.versions.GLBC: expected"),
        ("runtimes: {python3.12: {guaranteed: [libz]}}\n", r"guaranteed.0: expected the soname of a library"),
        ("runtimes: {python3.12: {glibc: '2.4'}}\n", r"runtimes.python3.12.glibc: unknown key"),
    ],
)
def test_a_mistake_is_told_where_it_is(addition: str, expected: str) -> None:
    """Each mistake is named with its line, what was expected and what was found, and no secret is shown."""
    found = problems(addition)
    assert re.search(expected, found), found
    assert "abcdefgh12345678" not in found
    assert "Input should" not in found
    assert "[list]" not in found


def test_a_runtime_of_the_file_counts_as_known() -> None:
    """A runtime without Python that the file describes is held to the same rules as the table's."""
    rows = "runtimes: {provided.al2027: {system: Amazon Linux 2023}}\n"
    assert "kind: expected `custom`" in problems("    runtime: provided.al2027\n" + rows)
    assert package(CUSTOM + "    runtime: provided.al2027\n" + rows).runtime == "provided.al2027"
