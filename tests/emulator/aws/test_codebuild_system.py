"""What a build may change of its machine: packages in a folder of its own, and the Python that it asked for."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from orchestrator.emulator.aws.container.environment import search_path
from orchestrator.emulator.aws.container.private_system import PrivateSystem
from tests.emulator.aws.conftest import World

VERSION = f"3.{sys.version_info[1]}"

# Stands for the real apt-get: whatever is installed, it downloads the packages that lie beside it.
APT = """#!/bin/sh
here=$(dirname "$0")
echo "$@" >>"$here/calls"
config=$2
grep -q '^Dir::State::status' "$config" || exit 9
case "$*" in
  *update*) exit 0 ;;
  *--download-only*install*librocket-dev*)
    archives=$(sed -n 's/^Dir::Cache "\\(.*\\)";/\\1/p' "$config")/archives
    cp "$here"/*.deb "$archives" ;;
  *) echo "E: Unable to locate package" >&2; exit 100 ;;
esac
"""


def package(folder: Path, name: str, files: dict[str, str], links: dict[str, str] | None = None) -> None:
    """Make a Debian package."""
    tree = folder / f"{name}-tree"
    for path, text in {**files, "DEBIAN/control": f"Package: {name}\nVersion: 2.0-1\nArchitecture: all\n"
                       "Maintainer: nobody <nobody@example.com>\nDescription: for a test\n"}.items():  # fmt: skip
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).write_text(text)
        (tree / path).chmod(0o755 if text.startswith("#!") else 0o644)
    for path, aim in (links or {}).items():
        (tree / path).parent.mkdir(parents=True, exist_ok=True)
        (tree / path).symlink_to(aim)
    subprocess.run(["dpkg-deb", "--root-owner-group", "--build", tree, folder / f"{name}_2.0-1_all.deb"], check=True)


@pytest.fixture
def machine(tmp_path: Path) -> Path:
    """Give the folder of a machine's package manager, with a library to install and its headers."""
    folder = tmp_path / "machine"
    folder.mkdir()
    (folder / "apt-get").write_text(APT)
    (folder / "apt-get").chmod(0o755)
    headers = {"usr/include/rocket.h": "#define ROCKET 7\n"}
    script = "#!/bin/sh\nprefix=/usr\necho -I/usr/include/rocket -L${prefix}/lib /usr/bin/env\n"
    module = {"usr/share/pkgconfig/rocket.pc": "prefix=/usr\nCflags: -I${prefix}/include/rocket\n"}
    links = {"usr/lib/librocket.so": "librocket.so.1", "usr/lib/machine": "../../etc/passwd"}
    package(folder, "librocket-dev", {**headers, **module, "usr/bin/rocket-config": script}, links)
    package(folder, "librocket1", {"usr/lib/librocket.so.1": "code"})
    package(folder, "libc6", {"usr/lib/libc.so.6": "another C library"})
    return folder


@pytest.fixture
def system(tmp_path: Path, machine: Path) -> PrivateSystem:
    """Give the private system of a build on that machine."""
    system = PrivateSystem(tmp_path / "system")
    system.create(f"{machine}:{os.environ['PATH']}")
    return system


def run(system: PrivateSystem, command: str) -> subprocess.CompletedProcess[str]:
    """Run a command as a build would."""
    environment = {**system.variables(), "PATH": system.path(search_path(), "/usr/bin:/bin")}
    return subprocess.run(["bash", "-c", command], env=environment, capture_output=True, text=True, check=False)


def test_packages_are_unpacked_into_the_build_and_nowhere_else(system: PrivateSystem, machine: Path) -> None:
    """Compilers find what was installed, the log says where it is, and the machine's own C library stays in use."""
    done = run(system, "apt-get --quiet update && apt-get --yes --no-install-recommends install librocket-dev")
    assert done.returncode == 0, done.stderr
    assert f"unpacks packages into {system.root}; this machine stays as it is" in done.stdout
    assert "Unpacked librocket-dev (2.0-1)" in done.stdout
    assert "Left out libc6" in done.stdout
    assert not (system.root / "usr/lib/libc.so.6").exists()
    assert not Path("/usr/include/rocket.h").exists()
    source = "printf '#include <rocket.h>\\nint x = ROCKET;' | cc -x c -c -o /dev/null -"
    assert run(system, source).returncode == 0
    calls = (machine / "calls").read_text().splitlines()
    assert all(str(system.folder) in call for call in calls)
    assert "--no-install-recommends" in calls[1]


def test_what_names_folders_means_the_ones_that_are_there(system: PrivateSystem) -> None:
    """Scripts and modules for pkg-config point into the build, links to what is only on the machine point there."""
    run(system, "apt-get install librocket-dev")
    root = system.root
    told = run(system, "rocket-config").stdout.split()
    assert told == [f"-I{root}/usr/include/rocket", f"-L{root}/usr/lib", "/usr/bin/env"]
    assert (root / "usr/share/pkgconfig/rocket.pc").read_text().startswith(f"prefix={root}/usr\n")
    assert (root / "usr/lib/librocket.so").read_text() == "code"
    assert (root / "usr/lib/machine").resolve() == Path("/etc/passwd")


def test_installed_packages_and_the_owners_of_files_can_be_asked_for(system: PrivateSystem) -> None:
    """What was installed in the build is known beside what the machine has."""
    run(system, "apt-get install librocket-dev")
    ask = "dpkg-query --show --showformat '${Package} ${Version}\\n'"
    assert run(system, f"{ask} librocket1 dpkg").stdout.splitlines()[1] == "librocket1 2.0-1"
    library = system.root / "usr/lib/librocket.so.1"
    assert run(system, f"dpkg-query --search {library}").stdout == "librocket1: /usr/lib/librocket.so.1\n"
    assert run(system, "dpkg-query --search /usr/bin/dpkg").stdout == "dpkg: /usr/bin/dpkg\n"


def test_a_package_that_is_not_there_fails_as_apt_does(system: PrivateSystem) -> None:
    """The exit code and the words are apt's own."""
    done = run(system, "apt-get --yes install librocket-nope")
    assert (done.returncode, done.stderr) == (100, "E: Unable to locate package\n")
    assert run(system, "apt-get dist-upgrade").returncode == 100


def test_a_manager_that_would_change_the_machine_is_refused(tmp_path: Path) -> None:
    """Where the machine has dnf, a build is told that the emulator will not use it."""
    folder = tmp_path / "fedora"
    folder.mkdir()
    (folder / "dnf").write_text("#!/bin/sh\ntouch /changed\n")
    (folder / "dnf").chmod(0o755)
    system = PrivateSystem(tmp_path / "system")
    system.create(str(folder))
    done = run(system, "dnf install x")
    assert done.returncode == 1
    assert "not permitted" in done.stderr


def test_runtime_versions_choose_the_python_of_the_build(aws: World) -> None:
    """`python3` is the version that the buildspec asks for, with pip, and the log says which one exactly."""
    install = f"install: {{runtime-versions: {{python: '{VERSION}'}}}}"
    commands = "[\"python3 -c 'import sys, pip; print(sys.version_info[:2])'\", 'pip --version']"
    done = aws.build(f"version: 0.2\nphases: {{{install}, build: {{commands: {commands}}}}}\n")
    log = aws.log(done)
    assert done["buildStatus"] == "SUCCEEDED", log
    assert f"The emulator runs it with this machine's Python {VERSION}." in log
    assert f"(3, {sys.version_info[1]})" in log
    assert f"(python {VERSION})" in log


def test_a_version_that_is_not_here_becomes_the_machines_own(aws: World) -> None:
    """The log says so, and the build goes on."""
    install = "install: {runtime-versions: {python: '3.99'}}"
    done = aws.build(f"version: 0.2\nphases: {{{install}, build: {{commands: ['python3 -V']}}}}\n")
    log = aws.log(done)
    assert done["buildStatus"] == "SUCCEEDED", log
    assert "The emulator runs it with this machine's Python 3." in log
