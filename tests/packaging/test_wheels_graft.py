"""Libraries that the runtime does not promise: found as the loader would, put into the wheel, and working there."""

from __future__ import annotations

import base64
import csv
import hashlib
import shutil
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.errors import BuildFailed
from orchestrator.packaging.inspection.elf import parse
from orchestrator.packaging.wheels.compile import Workshop
from orchestrator.packaging.wheels.model import SystemLibrary, Wheel
from orchestrator.packaging.wheels.owner import owner_of
from tests.packaging.test_wheels_compile import NATIVE, build, cache, imported, members, target, workshop

__all__ = ["cache", "target", "workshop"]


def library(folder: Path, name: str, code: str, *flags: str) -> Path:
    """Compile `lib<name>.so.1`, and the link with which a linker finds it."""
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / f"{name}.c"
    source.write_text(code)
    path = folder / f"lib{name}.so.1"
    subprocess.run(
        ["cc", "-shared", "-fPIC", f"-Wl,-soname,lib{name}.so.1", source, "-o", path, f"-L{folder}", *flags], check=True
    )
    (folder / f"lib{name}.so").symlink_to(path.name)
    return path


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """Give a folder with a library `outer` that needs `inner`, neither of which any system has."""
    folder = tmp_path / "system"
    library(folder, "inner", "int rocket_inner(void) { return 41; }")
    outer = "extern int rocket_inner(void); int rocket_outer(void) { return rocket_inner() + 1; }"
    library(folder, "outer", outer, "-linner")
    return folder


def grafted(workshop: Workshop, folder: Path) -> Wheel:
    """Compile a wheel that needs `outer`."""
    environment = {"LIBRARY_PATH": str(folder), "LD_LIBRARY_PATH": str(folder)}
    settings = {**NATIVE, "libraries": ["outer"]}
    return build(replace(workshop, environment=environment), settings, function="rocket_outer")


def test_a_wheel_works_without_the_libraries_it_was_compiled_with(
    workshop: Workshop, libraries: Path, tmp_path: Path
) -> None:
    """Both the library and the one that it needs are in the wheel, so it works where neither is installed."""
    wheel = grafted(workshop, libraries)
    shutil.rmtree(libraries)
    assert imported(wheel, tmp_path / "site")[0] == 42
    assert [library.name for library in wheel.libraries] == ["libinner.so.1", "libouter.so.1"]
    assert "-manylinux_2_" in wheel.path.name


def test_grafted_names_carry_their_content_and_no_path_of_the_build_machine(
    workshop: Workshop, libraries: Path
) -> None:
    """Two wheels may bring two builds of one library; each finds its own, wherever it is unpacked."""
    files = members(grafted(workshop, libraries))
    original = hashlib.sha256((libraries / "libinner.so.1").read_bytes()).hexdigest()[:8]
    inner = parse(files[f"rocket.libs/libinner-{original}.so.1"])
    outer = next(parse(data) for name, data in files.items() if name.startswith("rocket.libs/libouter-"))
    core = next(parse(data) for name, data in files.items() if name.startswith("rocket/_core"))
    assert inner is not None
    assert outer is not None
    assert core is not None
    assert inner.soname == f"libinner-{original}.so.1"
    assert inner.soname in outer.needed
    assert outer.soname in core.needed
    assert (core.search_path, outer.search_path) == (("$ORIGIN/../rocket.libs",), ("$ORIGIN",))
    assert not any(str(libraries).encode() in data for data in files.values())


def test_the_record_is_true_of_every_file(workshop: Workshop, libraries: Path) -> None:
    """Installers check RECORD; it is the one of the finished wheel."""
    wheel = grafted(workshop, libraries)
    files = members(wheel)
    record = "rocket-1.0.dist-info/RECORD"
    rows = {name: (digest, size) for name, digest, size in csv.reader(files[record].decode().splitlines())}
    assert set(rows) == set(files)
    for name, data in files.items():
        digest = base64.urlsafe_b64encode(hashlib.sha256(data).digest()).decode().rstrip("=")
        assert rows[name] == (("", "") if name == record else (f"sha256={digest}", str(len(data))))
    tag = wheel.path.name.removesuffix(".whl").split("-", 2)[2]
    assert f"Tag: {tag}\n" in files["rocket-1.0.dist-info/WHEEL"].decode()


def test_grafting_repeats_to_the_byte(workshop: Workshop, libraries: Path, tmp_path: Path) -> None:
    """The same source and the same libraries in other directories are the same wheel."""
    first = grafted(workshop, libraries)
    moved = tmp_path / "another" / "place"
    shutil.copytree(libraries, moved, symlinks=True)
    shutil.rmtree(libraries)
    assert grafted(replace(workshop, directory=tmp_path / "other"), moved).sha256 == first.sha256


def test_a_library_that_is_nowhere_is_named(workshop: Workshop, libraries: Path, tmp_path: Path) -> None:
    """Linked, and then not to be found: the build ends with its name, not the function."""
    environment = {"LIBRARY_PATH": str(libraries)}
    for name in ("libouter.so.1", "libinner.so.1"):
        (tmp_path / "elsewhere").mkdir(exist_ok=True)
        shutil.copy(libraries / name, tmp_path / "elsewhere")
    linked = replace(workshop, environment=environment)
    # Only a stub is there to link with, as where a `-devel` package is installed without its library.
    (libraries / "libouter.so").unlink()
    shutil.copy(libraries / "libouter.so.1", libraries / "libouter.so")
    (libraries / "libouter.so.1").unlink()
    with pytest.raises(BuildFailed, match=r"rocket 1\.0 needs `libouter\.so\.1`"):
        build(linked, {**NATIVE, "libraries": ["outer"]}, function="rocket_outer")


def test_a_library_that_the_runtime_promises_stays_out(workshop: Workshop, libraries: Path, tmp_path: Path) -> None:
    """What is guaranteed is not carried along; what it needs is its own business."""
    runtime = replace(workshop.target.runtime, guaranteed=workshop.target.runtime.guaranteed | {"libouter.so.1"})
    wheel = grafted(replace(workshop, target=replace(workshop.target, runtime=runtime)), libraries)
    assert wheel.libraries == ()
    assert not any(".libs/" in name for name in members(wheel))


@pytest.mark.parametrize(
    ("program", "script", "expected"),
    [
        ("rpm", r'printf "libcurl\t0:8.5.0-1.amzn2023\tcurl\n"', ("libcurl", "8.5.0-1.amzn2023", "curl")),
        ("rpm", r'printf "openssl-libs\t1:3.0.8-1\tApache-2.0\n"', ("openssl-libs", "1:3.0.8-1", "Apache-2.0")),
        ("dpkg-query", "[ $1 = --search ] && echo \"libx1:amd64: $2\" || printf 1.2-3", ("libx1", "1.2-3", "MIT")),
        ("rpm", "echo 'file is not owned by any package'; exit 1", ("", "", "")),
    ],
)  # fmt: skip
def test_a_library_is_traced_to_its_system_package(
    tmp_path: Path, program: str, script: str, expected: tuple[str, str, str]
) -> None:
    """The SBOM can say which package brought it, in which version, under which licence; or nothing, never a guess."""
    (tmp_path / "bin").mkdir()
    path = tmp_path / "bin" / program
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    notice = tmp_path / "usr" / "share" / "doc" / "libx1" / "copyright"
    notice.parent.mkdir(parents=True)
    notice.write_text("Format: https://dep5\n\nFiles: *\nCopyright: me\nLicense: MIT\n\nFiles: a\nLicense: GPL-2\n")
    found = tmp_path / "usr" / "lib" / "libx.so.1"
    found.parent.mkdir(parents=True)
    found.touch()
    assert owner_of(found, {"PATH": str(tmp_path / "bin")}) == SystemLibrary("libx.so.1", *expected)
