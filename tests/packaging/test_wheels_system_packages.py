"""System packages: asked of whatever manager there is, and every way that can end."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError
from orchestrator.packaging.wheels.system_packages import Installed, install_system_packages, names_for, system_digest


class Machine:
    """A PATH with scripted package managers, which write down how they were called."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.calls = folder / "calls"
        self.calls.touch()
        self.told: list[str] = []
        self.naps: list[float] = []

    def has(self, name: str, script: str) -> Machine:
        path = self.folder / name
        path.write_text(f'#!/bin/sh\necho "{name} $*" >>{self.calls}\n{script}\n', encoding="utf-8")
        path.chmod(0o755)
        return self

    def install(self, asked: Sequence[str] | Mapping[str, Sequence[str]]) -> tuple[Installed, ...]:
        environ = {"PATH": f"{self.folder}:/usr/bin:/bin", "AWS_SECRET_ACCESS_KEY": "canary"}
        if not any((self.folder / name).exists() for name in ("dnf", "microdnf", "yum", "apt-get")):
            environ["PATH"] = str(self.folder)
        return install_system_packages(asked, self.told.append, environ=environ, sleep=self.naps.append)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """Give a machine without any manager."""
    return Machine(tmp_path)


@pytest.mark.parametrize(
    ("manager", "calls"),
    [
        ("dnf", ["dnf --assumeyes --quiet --setopt=install_weak_deps=False install a-devel b"]),
        ("microdnf", ["microdnf --assumeyes --setopt=install_weak_deps=0 install a-devel b"]),
        ("yum", ["yum --assumeyes --quiet install a-devel b"]),
        ("apt-get", ["apt-get --quiet update", "apt-get --quiet --yes --no-install-recommends install a-devel b"]),
    ],
)
def test_every_manager_is_asked_in_its_own_way_and_once(machine: Machine, manager: str, calls: list[str]) -> None:
    """Nobody is asked a question, weak dependencies stay out, and the versions that were installed are known."""
    machine.has(manager, "[ -z $AWS_SECRET_ACCESS_KEY ]")
    machine.has("rpm", "echo a-devel 1.2-3").has("dpkg-query", "echo a-devel 1.2-3; echo 'no package found'")
    assert machine.install(["b", "a-devel", "b"]) == (Installed("a-devel", "1.2-3"),)
    assert machine.calls.read_text().splitlines()[: len(calls)] == calls
    assert machine.calls.read_text().count(f"{manager} ") == len(calls)
    assert machine.told == [f"installing a-devel, b with {manager}", "installed a-devel 1.2-3"]


# ruff: noqa: E501 - a script a line
UNKNOWN = {
    "dnf": "echo 'No match for argument: libnope-devel'; echo 'Error: Unable to find a match: libnope-devel' >&2; exit 1",
    "microdnf": "echo \"error: No package matches 'libnope-devel'\" >&2; exit 1",
    "yum": "echo 'No package libnope-devel available.'; exit 0",
    "apt-get": "[ $2 = update ] && exit 0; echo 'E: Unable to locate package libnope-devel' >&2; exit 100",
}


@pytest.mark.parametrize("manager", UNKNOWN)
def test_an_unknown_package_is_named_with_the_manager(machine: Machine, manager: str) -> None:
    """The author learns which name is wrong and for whom; yum, which passes over it with 0, is not believed."""
    machine.has(manager, UNKNOWN[manager])
    with pytest.raises(BuildFailed) as caught:
        machine.install(["libnope-devel"])
    assert caught.value.what == f"`{manager}` knows no package `libnope-devel`"
    assert "system_packages" in caught.value.hint
    assert not machine.naps


@pytest.mark.parametrize(
    ("manager", "script", "expected", "attempts"),
    [
        ("dnf", "echo 'Error: This command has to be run with superuser privileges.' >&2; exit 1", ConfigurationError, 1),
        ("yum", "echo 'You need to be root to perform this command.'; exit 1", ConfigurationError, 1),
        ("apt-get", "echo 'E: Could not open lock file - open (13: Permission denied)' >&2; exit 100", ConfigurationError, 1),
        ("dnf", "echo 'Error: Failed to download metadata for repo' >&2; exit 1", MachineryError, 3),
        ("yum", "echo 'Cannot find a valid baseurl for repo: core/2'; exit 1", MachineryError, 3),
        ("apt-get", "echo 'W: Failed to fetch http://m/x  Temporary failure'; [ $2 = update ] && exit 0; "
                    "echo 'E: Unable to locate package a'; exit 100", MachineryError, 3),
        ("apt-get", "echo 'E: Could not get lock /var/lib/dpkg/lock-frontend'; exit 100", MachineryError, 3),
        ("dnf", "echo 'package a conflicts with b' >&2; exit 1", BuildFailed, 1),
    ],
)  # fmt: skip
def test_a_failure_says_whose_move_it_is(
    machine: Machine, manager: str, script: str, expected: type[OrchestratorError], attempts: int
) -> None:
    """Only what a mirror or a lock did is tried again, three times, and ends as something that may be retried."""
    machine.has(manager, script)
    with pytest.raises(expected):
        machine.install(["a"])
    assert len(machine.naps) == attempts - 1


def test_a_mirror_that_comes_back_is_no_failure(machine: Machine) -> None:
    """The second attempt counts."""
    flag = machine.folder / "second"
    machine.has("dnf", f"[ -e {flag} ] && exit 0; touch {flag}; echo 'Curl error (28): Timeout' >&2; exit 1")
    machine.has("rpm", "echo a 1-1")
    assert machine.install(["a"]) == (Installed("a", "1-1"),)


def test_a_mapping_speaks_to_each_manager(machine: Machine) -> None:
    """A list for another manager is no list for this one, and microdnf reads dnf's."""
    machine.has("microdnf", "exit 0").has("rpm", "echo b 1-1")
    machine.install({"apt-get": ["a"], "dnf": ["b"]})
    assert "install b" in machine.calls.read_text()
    with pytest.raises(ConfigurationError, match="nothing for `microdnf`"):
        machine.install({"apt-get": ["a"]})


def test_a_machine_without_a_manager_is_told_so_and_nothing_asked_needs_none(machine: Machine) -> None:
    """No list, no question; a list without a manager is the image's fault."""
    assert machine.install([]) == ()
    with pytest.raises(ConfigurationError, match="no package manager"):
        machine.install(["a"])


def test_any_change_of_the_machine_is_seen(tmp_path: Path) -> None:
    """A library of any package may end in a wheel, so the digest covers all; where nobody keeps books it is empty."""
    found = set()
    for number, (program, said) in enumerate([("rpm", "a-1"), ("rpm", "a-2"), ("dpkg-query", "a 1"), ("rpm", "")]):
        folder = tmp_path / str(number)
        folder.mkdir()
        Machine(folder).has(program, f"printf '{said}'")
        found.add(system_digest({"PATH": str(folder)}))
    assert len(found) == 4
    assert "" in found


@given(st.text(min_size=1, max_size=12))
def test_no_name_can_become_an_option_or_shell(name: str) -> None:
    """What is passed on never begins with a dash and has no blank, quote or control character."""
    try:
        (passed,) = names_for([name], "dnf")
    except ConfigurationError:
        return
    assert passed == name
    assert not name.startswith("-")
    assert not set(name) & set(" \t\n;|&$`'\"<>\\")
