"""Needed libraries are looked for where the loader of Amazon Linux would look, in its order."""

from __future__ import annotations

import runpy
from collections.abc import Mapping
from pathlib import Path

import pytest
from elves import X86_64, elf
from zips import Content, make_zip

from orchestrator.packaging.inspection.facts import NativeFacts, native_facts
from orchestrator.packaging.inspection.inspect import inspect
from orchestrator.packaging.inspection.model import Finding, Rule, Severity
from orchestrator.packaging.runtimes import target_of

ARM = target_of("arm64", "python3.12")
_AGREEMENT = runpy.run_path(str(Path(__file__).parents[2] / "benchmarks" / "agreement.py"))
_MODULE = "pkg/mod.cpython-312-aarch64-linux-gnu.so"
_PLAIN = elf(needed=["libc.so.6"])
_X = "libx.so.1"


def found(path: Path, files: Mapping[str, Content], *layers: Mapping[str, Content]) -> list[Finding]:
    """Return what is said of libraries."""
    below = [make_zip(path / f"layer{number}.zip", layer) for number, layer in enumerate(layers)]
    return list(inspect(make_zip(path / "x.zip", files), ARM, layers=below).findings)


_FOUND: dict[str, list[Mapping[str, Content]]] = {
    "beside it": [{_MODULE: elf(needed=[_X], runpath="$ORIGIN"), f"pkg/{_X}": _PLAIN}],
    "in .libs": [{_MODULE: elf(needed=[_X], rpath="$ORIGIN/../pkg.libs"), f"pkg.libs/{_X}": _PLAIN}],
    "in braces": [{_MODULE: elf(needed=[_X], runpath="/nowhere:${ORIGIN}/$LIB"), f"pkg/lib64/{_X}": _PLAIN}],
    "by an absolute path": [{_MODULE: elf(needed=[_X], runpath="/var/task/deep"), f"deep/{_X}": _PLAIN}],
    "in lib/ of the function": [{_MODULE: elf(needed=[_X]), f"lib/{_X}": _PLAIN}],
    "at the top of the function": [{_MODULE: elf(needed=[_X]), _X: _PLAIN}],
    "in lib/ of a layer": [{_MODULE: elf(needed=[_X])}, {f"lib/{_X}": _PLAIN}],
    "in a layer, by RUNPATH": [{_MODULE: elf(needed=[_X], runpath="/opt/own")}, {f"own/{_X}": _PLAIN}],
    "in lib/ of what is a layer": [{f"python/{_MODULE}": elf(needed=[_X]), f"lib/{_X}": _PLAIN}],
    "as a path": [{_MODULE: elf(needed=["./deep/libx.so.1"]), f"deep/{_X}": _PLAIN}],
    "by the RPATH of who loaded it": [
        {
            _MODULE: elf(needed=["liby.so"], rpath="$ORIGIN/libs"),
            "pkg/libs/liby.so": elf(needed=[_X]),
            f"pkg/libs/{_X}": _PLAIN,
        }
    ],
    "loaded before, by soname": [
        {
            _MODULE: elf(needed=["renamed.so", "liby.so"], runpath="$ORIGIN"),
            "pkg/renamed.so": elf(soname=_X),
            "pkg/liby.so": elf(needed=[_X]),
        }
    ],
    "in a circle": [{"a.so": elf(needed=["b.so"], runpath="$ORIGIN"), "b.so": elf(needed=["a.so"], runpath="$ORIGIN")}],
}


@pytest.mark.parametrize("case", _FOUND)
def test_libraries_are_found(tmp_path: Path, case: str) -> None:
    """A library where the loader finds it is no finding."""
    assert found(tmp_path, *_FOUND[case]) == []


_MISSING: dict[str, tuple[Mapping[str, Content], str]] = {
    "nowhere": ({_MODULE: elf(needed=[_X], runpath="$ORIGIN")}, "that nothing brings"),
    "where nobody looks": ({_MODULE: elf(needed=[_X]), f"other/{_X}": _PLAIN}, "where the loader does not look"),
    "beside it without a path": ({_MODULE: elf(needed=[_X]), f"pkg/{_X}": _PLAIN}, "where the loader does not look"),
    "by a RUNPATH, which is not inherited": (
        {
            _MODULE: elf(needed=["liby.so"], runpath="$ORIGIN/libs"),
            "pkg/libs/liby.so": elf(needed=[_X]),
            f"pkg/libs/{_X}": _PLAIN,
        },
        "where the loader does not look",
    ),
    "behind a RUNPATH that hides the RPATH above": (
        {
            _MODULE: elf(needed=["liby.so"], rpath="$ORIGIN/libs"),
            "pkg/libs/liby.so": elf(needed=[_X], runpath="/nowhere"),
            f"pkg/libs/{_X}": _PLAIN,
        },
        "where the loader does not look",
    ),
    "needed by a needed library": (
        {_MODULE: elf(needed=["liby.so"], runpath="$ORIGIN"), "pkg/liby.so": elf(needed=["libc.so.6", _X])},
        "that nothing brings",
    ),
}


@pytest.mark.parametrize("case", _MISSING)
def test_libraries_are_missing(tmp_path: Path, case: str) -> None:
    """A library that the loader does not find is one error for each file that needs it, wherever else it lies."""
    files, said = _MISSING[case]
    findings = found(tmp_path, files)
    assert [(item.rule, item.severity, item.subject) for item in findings] == [(Rule.LIBRARY, Severity.ERROR, _X)]
    assert said in findings[0].observed
    assert _X in findings[0].advice


def test_another_module_may_have_loaded_it(tmp_path: Path) -> None:
    """What one distribution loads for another, as torch for torchvision, is a warning, because the order decides."""
    files = {
        _MODULE: elf(needed=[_X]),
        "torch/_C.cpython-312-aarch64-linux-gnu.so": elf(needed=[_X], rpath="$ORIGIN/lib"),
        f"torch/lib/{_X}": _PLAIN,
    }
    assert [(item.severity, item.file) for item in found(tmp_path, files)] == [(Severity.WARNING, _MODULE)]


def test_links_are_followed_where_they_are_allowed(tmp_path: Path) -> None:
    """A link is a finding of its own, and the library behind it, also behind a linked directory, is found."""
    files: dict[str, Content] = {
        _MODULE: elf(needed=[_X, "libz9.so"], runpath="$ORIGIN/libs"),
        "pkg/libs": ("../real", 0o120777),
        f"real/{_X}": ("libx.so.1.2", 0o120777),
        "real/libx.so.1.2": _PLAIN,
        "real/libz9.so": ("libz9.so", 0o120777),
    }
    assert [(item.rule, item.subject) for item in found(tmp_path, files)] == [
        (Rule.LINK, "../real"),
        (Rule.LIBRARY, "libz9.so"),
        (Rule.LINK, "libx.so.1.2"),
        (Rule.LINK, "libz9.so"),
    ]


def test_what_nobody_promises_is_a_warning(tmp_path: Path) -> None:
    """Libraries that the system has today are told, unless the package brings them where they come first."""
    needing = elf(needed=["libcurl.so.4"], rpath="$ORIGIN")
    findings = found(tmp_path, {_MODULE: needing})
    assert [(item.rule, item.severity) for item in findings] == [(Rule.UNPROMISED, Severity.WARNING)]
    assert found(tmp_path, {_MODULE: needing, "pkg/libcurl.so.4": _PLAIN}) == []


_NEW = {"libstdc++.so.6": {"GLIBCXX_3.4.32": (False, ["f"])}}


@pytest.mark.parametrize(
    ("path", "subjects"), [({"rpath": "$ORIGIN"}, []), ({"runpath": "$ORIGIN"}, ["GLIBCXX_3.4.32"])]
)
def test_versions_are_those_of_the_library_that_is_found(
    tmp_path: Path, path: dict[str, str], subjects: list[str]
) -> None:
    """A bundled library has the versions that are needed; by RUNPATH the runtime's own one is found before it."""
    files = {_MODULE: elf(needed=list(_NEW), versions=_NEW, **path), "pkg/libstdc++.so.6": _PLAIN}  # type: ignore[arg-type]
    assert [item.subject for item in found(tmp_path, files)] == subjects


def test_a_bundled_c_library_is_never_the_one_that_is_used(tmp_path: Path) -> None:
    """The process has its C library already, so its versions count."""
    versions = {"libc.so.6": {"GLIBC_2.40": (False, ["f"])}}
    files = {_MODULE: elf(needed=["libc.so.6"], rpath="$ORIGIN", versions=versions), "pkg/libc.so.6": elf()}
    assert [item.rule for item in found(tmp_path, files)] == [Rule.VERSION]


@pytest.mark.parametrize(
    ("library", "distribution", "advice"),
    [
        ("libGL.so.1", "opencv_python", "opencv-python needs libGL.so.1: use opencv-python-headless"),
        ("libGL.so.1", "pyglet", "pyglet needs libGL.so.1: it draws on a screen"),
        ("libpq.so.5", "psycopg2", "psycopg2 needs libpq.so.5: use psycopg2-binary"),
        ("libssl.so.1.1", "old", "older OpenSSL"),
        ("libcrypt.so.1", "old", "libxcrypt"),
        ("libgomp.so.1", "lightgbm", "OpenMP"),
        ("libunheard.so.9", "odd", "bundle libunheard.so.9: compile odd from source"),
    ],
)
def test_advice_names_who_needs_it_and_what_to_do(tmp_path: Path, library: str, distribution: str, advice: str) -> None:
    """Known libraries have a known way out, others the general one."""
    files = {f"{distribution}/a.so": elf(needed=[library]), f"{distribution}-1.dist-info/METADATA": ""}
    assert advice in found(tmp_path, files)[0].advice


def test_optional_parts_do_not_stop_a_package(tmp_path: Path) -> None:
    """A numba without OpenMP uses threads of its own."""
    files = {"numba/omppool.so": elf(needed=["libgomp.so.1"]), "numba-1.dist-info/METADATA": ""}
    assert [item.severity for item in found(tmp_path, files)] == [Severity.WARNING]


def test_a_library_too_large_to_be_read_is_there_all_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its size is the finding; nobody is told that it is missing."""
    limit = len(_PLAIN) - 1
    monkeypatch.setattr("orchestrator.packaging.inspection.contents.UNZIPPED_LIMIT_BYTES", limit)
    monkeypatch.setattr("orchestrator.packaging.inspection.whole.UNZIPPED_LIMIT_BYTES", limit)
    files = {_MODULE: elf(needed=[_X], runpath="$ORIGIN")[:limit], f"pkg/{_X}": _PLAIN + b"\0" * 500}
    assert {item.rule for item in found(tmp_path, files)} <= {Rule.SIZE, Rule.CONTENT}


def test_facts_are_those_that_auditwheel_shows(tmp_path: Path) -> None:
    """Of a wheel, the oldest glibc that will do and every library that it does not bring, however common."""
    versions = {
        "libc.so.6": {"GLIBC_2.17": (False, []), "GLIBC_2.28": (True, [])},
        "libm.so.6": {"GLIBC_2.27": (False, [])},
    }
    files = {
        _MODULE: elf(needed=["libc.so.6", "liby-0a1b.so"], rpath="$ORIGIN/../pkg.libs", versions=versions),
        "pkg.libs/liby-0a1b.so": elf(needed=["libm.so.6", "libodbc.so.2"]),
        "pkg/other.so": elf(X86_64, needed=["libunseen.so"]),
    }
    facts = native_facts(make_zip(tmp_path / "x.whl", files), ARM)
    assert facts == NativeFacts((2, 27), (2, 28), frozenset({"libc.so.6", "libm.so.6", "libodbc.so.2"}))
    same = {"versions": ["GLIBC_2.17", "GLIBC_2.27"], "external": ["libc.so.6", "libm.so.6", "libodbc.so.2"]}
    assert _AGREEMENT["disagreements"](facts, _AGREEMENT["_their_opinion"](same)) == []
    weak = {**same, "versions": ["GLIBC_2.28", "GLIBCXX_3.4.30"]}
    (reason,) = _AGREEMENT["disagreements"](facts, _AGREEMENT["_their_opinion"](weak))
    assert "weak" in reason
    for other in ({**same, "external": ["libc.so.6"]}, {**same, "versions": ["GLIBC_ABI_DT_RELR"]}):
        assert _AGREEMENT["disagreements"](facts, _AGREEMENT["_their_opinion"](other)) == [None]
