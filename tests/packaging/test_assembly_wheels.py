"""Where the files of wheels stand in a package, and which wheels are not taken."""

from __future__ import annotations

import csv
import io
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from made_wheels import Member, member, wheel

from orchestrator.errors import BuildFailed, OrchestratorError, Refused
from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Assembled, Order
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.model import Wheel

TARGET = target_of("arm64", "python3.12")
PYTHON_SCRIPT = b"#!python\nprint()\n"


def _assemble(folder: Path, *wheels: Wheel, kind: str = "function", **more: Any) -> Assembled:
    return assemble(Order(kind, TARGET, wheels, (), **more), folder / "out" / "package.zip")


def _content(folder: Path) -> dict[str, bytes]:
    with zipfile.ZipFile(folder / "out" / "package.zip") as archive:
        assert archive.testzip() is None
        return {name: archive.read(name) for name in archive.namelist()}


FULL = [
    member("pkg/__init__.py", b"x = 1\n"),
    member("pkg/native.so", b"\x7fELF" * 50, mode=0o100755),
    member("pkg/", mode=0o40755),
    member("a-1.0.data/purelib/pure.py", b"p"),
    member("a-1.0.data/platlib/plat.py", b"q"),
    member("a-1.0.data/data/share/a/data.txt", b"d"),
    member("a-1.0.data/headers/a.h", b"h"),
    member("a-1.0.data/scripts/tool", b"\x7fELF"),
    member("a-1.0.data/scripts/run.sh", b"#!/bin/sh\necho\n"),
    member("a-1.0.data/scripts/launch", PYTHON_SCRIPT),
    member("a-1.0.data/scripts/long", b"#!/bin/sh\n'''exec' /very/long/python \"$0\"\n"),
    member("pkg/setup.exe", b"MZ"),
    member("pkg/__pycache__/__init__.cpython-312.pyc", b"c"),
    member("pkg/only.pyc", b"c"),
    member("a-1.0.dist-info/INSTALLER", b"pip"),
    member("a-1.0.dist-info/direct_url.json", b"{}"),
    member("a-1.0.dist-info/licenses/LICENSE", b"l"),
]


@pytest.mark.parametrize(
    ("kind", "site", "back"),
    [("function", "", ""), ("layer", "python/", "../")],
)
def test_places_follow_the_wheel_specification(tmp_path: Path, kind: str, site: str, back: str) -> None:
    """Every part of a wheel stands where Lambda looks for it; RECORD names exactly what is packed."""
    done = _assemble(tmp_path, wheel(tmp_path, "a", FULL), kind=kind)
    content = _content(tmp_path)
    below = ["a-1.0.dist-info/METADATA", "a-1.0.dist-info/RECORD", "a-1.0.dist-info/WHEEL"]
    below += ["a-1.0.dist-info/licenses/LICENSE", "pkg/__init__.py", "pkg/native.so", "plat.py", "pure.py"]
    beside = ["bin/run.sh", "bin/tool", "share/a/data.txt"]
    assert list(content) == sorted([*(site + name for name in below), *beside])
    assert done.origins == dict.fromkeys(content, "a 1.0")
    rows = [row[0] for row in csv.reader(content[f"{site}a-1.0.dist-info/RECORD"].decode().splitlines())]
    assert rows == sorted([*below, *(back + name for name in beside)])
    infos = zipfile.ZipFile(tmp_path / "out" / "package.zip").infolist()
    programs = [info.filename for info in infos if info.external_attr >> 16 == 0o100755]
    assert programs == sorted(["bin/run.sh", "bin/tool", f"{site}pkg/native.so"])
    assert [note.split(" of a 1.0")[0] for note in done.notes] == [
        "left out 1 Windows programs (`*.exe`)",
        "left out 1 compiled files",
    ]


def test_compressed_bytes_are_copied(tmp_path: Path) -> None:
    """Deflated members are taken byte for byte; stored ones are compressed unless that makes them larger."""
    text = b"some text " * 100
    files = [member("a.py", text), member("s.py", text, method=zipfile.ZIP_STORED), member("e.py", b"")]
    files.append(member("n.bin", bytes(range(256)), method=zipfile.ZIP_STORED))
    made = wheel(tmp_path, "a", files)
    done = _assemble(tmp_path, made)
    original, ours = zipfile.ZipFile(made.path), zipfile.ZipFile(tmp_path / "out" / "package.zip")
    assert ours.getinfo("a.py").compress_size == original.getinfo("a.py").compress_size
    assert ours.getinfo("s.py").compress_size < len(text)
    assert ours.getinfo("n.bin").compress_type == ours.getinfo("e.py").compress_type == zipfile.ZIP_STORED
    assert _content(tmp_path)["s.py"] == text
    assert done.unzipped_bytes == sum(info.file_size for info in ours.infolist())


def test_wheels_may_share_equal_files(tmp_path: Path) -> None:
    """Namespace packages: one file of several wheels is packed once, for the first of them, whatever their order."""
    shared = {"ns/__init__.py": b"# namespace\n" * 9}
    first = wheel(tmp_path, "a", [member("ns/__init__.py", shared["ns/__init__.py"], method=zipfile.ZIP_STORED)])
    second = wheel(tmp_path, "b", {**shared, "ns/b.py": b"b"})
    one = _assemble(tmp_path, first, second)
    other = _assemble(tmp_path, second, first)
    assert one == other
    assert one.origins["ns/__init__.py"] == "a 1.0"


def test_different_files_of_one_name_are_an_error(tmp_path: Path) -> None:
    """Two wheels that write one path with different content are both named, with the path and the way out."""
    first = wheel(tmp_path, "a", {"tests/__init__.py": b"1", "a.py": b""})
    second = wheel(tmp_path, "b", {"tests/__init__.py": b"2", "b.py": b""})
    with pytest.raises(BuildFailed, match=r"`?a 1\.0`? and `?b 1\.0`? bring different files") as caught:
        _assemble(tmp_path, first, second)
    assert "`tests/__init__.py`" in caught.value.detail
    assert "exclude" in caught.value.hint
    assert not (tmp_path / "out").exists()
    done = _assemble(tmp_path, first, second, exclude=("tests/__init__.py",))
    assert "tests/__init__.py" not in done.origins


def test_file_and_directory_of_one_name_are_an_error(tmp_path: Path) -> None:
    """What cannot be unpacked is not packed: a file where another wheel needs a directory."""
    with pytest.raises(BuildFailed, match="a file and a directory") as caught:
        _assemble(tmp_path, wheel(tmp_path, "a", {"x": b"1"}), wheel(tmp_path, "b", {"x/y/z.py": b"2"}))
    assert "a 1.0" in caught.value.detail
    assert "b 1.0" in caught.value.detail


def test_excluded_files_leave_record_too(tmp_path: Path) -> None:
    """What a pattern keeps out is not in the zip, not in RECORD, and RECORD itself may be kept out."""
    made = wheel(tmp_path, "a", {"p/a.py": b"", "p/tests/t.py": b"", "p/a.pyi": b""})
    done = _assemble(tmp_path, made, exclude=("**/tests/**", "*.pyi"))
    content = _content(tmp_path)
    assert b"tests" not in content["a-1.0.dist-info/RECORD"]
    assert "p/tests/t.py" not in content
    assert done.notes == ("`exclude: *.pyi` matches no file; at any depth it would be `**/*.pyi`",)
    assert "a-1.0.dist-info/RECORD" not in _assemble(tmp_path, made, exclude=("*.dist-info/RECORD",)).origins


BAD: dict[str, tuple[list[Member], dict[str, Any], type[OrchestratorError], str]] = {
    "parent": ([member("../evil.py")], {}, Refused, "name"),
    "inner parent": ([member("a/../../evil.py")], {}, Refused, "name"),
    "absolute": ([member("/etc/passwd")], {}, Refused, "name"),
    "drive": ([member("C:/x.py")], {}, Refused, "name"),
    "backslash": ([member("a\\..\\b.py")], {}, Refused, "name"),
    "newline": ([member("a\nb.py")], {}, Refused, "name"),
    "empty part": ([member("a//b.py")], {}, Refused, "name"),
    "parent in data": ([member("a-1.0.data/data/../../x")], {}, Refused, "name"),
    "long": ([member("a" * 300)], {}, Refused, "name"),
    "link": ([member("a.py", b"/etc/passwd", mode=0o120777)], {}, Refused, "no regular file"),
    "device": ([member("a.py", b"", mode=0o020644)], {}, Refused, "no regular file"),
    "duplicate": ([member("a.py", b"1"), member("a.py", b"2")], {}, Refused, "twice"),
    "bzip2": ([member("a.py", b"1" * 99, method=zipfile.ZIP_BZIP2)], {}, BuildFailed, "cannot be unpacked"),
    "unnamed in RECORD": ([member("a.py")], {"record": "a-1.0.dist-info/RECORD,,\n"}, Refused, "match its RECORD"),
    "missing file": (
        [],
        {"record": "gone.py,,\na-1.0.dist-info/WHEEL,,\na-1.0.dist-info/METADATA,,\n"},
        Refused,
        "match its RECORD",
    ),
    "wrong size": (
        [member("a.py", b"1")],
        {"record": "a.py,,7\na-1.0.dist-info/WHEEL,,\na-1.0.dist-info/METADATA,,\n"},
        Refused,
        "match its RECORD",
    ),
    "RECORD is no text": ([], {"metadata": {"RECORD": b"\xff\xfe,"}}, Refused, "match its RECORD"),
    "no RECORD": ([], {"metadata": {"RECORD": None}}, Refused, "not whole"),
    "no WHEEL": ([], {"metadata": {"WHEEL": None}}, Refused, "not whole"),
    "format 2": ([], {"metadata": {"WHEEL": b"Wheel-Version: 2.0\n"}}, BuildFailed, "format"),
    "unknown place": ([member("a-1.0.data/etc/x")], {}, BuildFailed, "place"),
    "two distributions": ([member("b-1.0.dist-info/METADATA")], {}, Refused, "another distribution"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_wheels_are_named_and_leave_nothing(tmp_path: Path, case: str) -> None:
    """A wheel that is not what it claims to be ends the build with its name, and no file appears."""
    members, options, failure, text = BAD[case]
    made = wheel(tmp_path, "a", members, **options)
    with pytest.raises(failure, match=text) as caught:
        _assemble(tmp_path, made)
    assert "a 1.0" in caught.value.what
    assert str(caught.value).isprintable() or "\n" in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    ("name", "version"), [("b", "1.0"), ("a", "2.0")], ids=["another distribution", "another version"]
)
def test_wheels_of_something_else_are_refused(tmp_path: Path, name: str, version: str) -> None:
    """A file that holds another distribution than its name says is not packed."""
    made = wheel(tmp_path, "a", {"a.py": b""})
    with pytest.raises(Refused, match="another distribution"):
        _assemble(tmp_path, Wheel(name, version, made.path, made.sha256))


def _cut(content: bytes) -> bytes:
    return content[:-40]


def _no_bytes(_: bytes) -> bytes:
    return b""


def _damaged_record(content: bytes) -> bytes:
    offset = zipfile.ZipFile(io.BytesIO(content)).getinfo("a-1.0.dist-info/RECORD").header_offset
    return content[: offset + 60] + b"\xff\xff" + content[offset + 62 :]


def _overlap(content: bytes) -> bytes:
    """Point the second member of the directory at the first."""
    position = content.index(b"PK\x01\x02", content.index(b"PK\x01\x02") + 1)
    return content[: position + 42] + bytes(4) + content[position + 46 :]


@pytest.mark.parametrize("damage", [_cut, _no_bytes, _damaged_record, _overlap])
def test_damaged_wheels_are_refused(tmp_path: Path, damage: Callable[[bytes], bytes]) -> None:
    """A wheel that cannot be read in one way only is refused by name."""
    made = wheel(tmp_path, "a", {"a.py": b"x" * 100})
    made.path.write_bytes(damage(made.path.read_bytes()))
    with pytest.raises(Refused, match=r"a 1\.0"):
        _assemble(tmp_path, made)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(
    "files",
    [{"bomb": 262_144_001}, {"x/big": 200_000_000, "y/big": 100_000_000}, {"a-1.0.dist-info/WHEEL": 4_000_000_000}],
    ids=["one", "sum", "metadata"],
)
def test_bombs_are_found_before_anything_is_unpacked(tmp_path: Path, files: Mapping[str, int]) -> None:
    """A wheel that says it is larger than Lambda takes is named without reading its content."""
    names = [name for name in files if ".dist-info" not in name]
    rows = [f"{name},,\n" for name in (*names, "a-1.0.dist-info/WHEEL", "a-1.0.dist-info/METADATA")]
    made = wheel(tmp_path, "a", dict.fromkeys(names, b"x"), record="".join(rows))
    content = bytearray(made.path.read_bytes())
    for name, size in files.items():
        # Each name stands behind its local header (size at 22 of 30 bytes) and behind its entry (24 of 46).
        for position, start in ((22, content.index(name.encode()) - 30), (24, content.rindex(name.encode()) - 46)):
            content[start + position : start + position + 4] = size.to_bytes(4, "little")
    made.path.write_bytes(content)
    with pytest.raises(BuildFailed, match="larger than Lambda takes") as caught:
        _assemble(tmp_path, made)
    assert "a 1.0 " in str(caught.value)


def test_record_quirks_of_real_wheels_are_taken(tmp_path: Path) -> None:
    """Backslashes, directories, stripped sources, a byte order mark, signatures, rows without size stop no wheel."""
    record = "\ufeffp\\a.py,,\np/fast.c,,\np,,\np/,,\na-1.0.dist-info/WHEEL,,\n./a-1.0.dist-info/METADATA,sha256=x,8\n"
    extra = {"RECORD.jws": b"s"}
    _assemble(tmp_path, wheel(tmp_path, "a", {"p/a.py": b"1"}, record=record, metadata=extra))
    content = _content(tmp_path)
    assert content["a-1.0.dist-info/RECORD"].decode().splitlines() == [
        "a-1.0.dist-info/METADATA,sha256=x,8",
        "a-1.0.dist-info/RECORD,,",
        "a-1.0.dist-info/WHEEL,,",
        "p/a.py,,",
    ]
    assert "a-1.0.dist-info/RECORD.jws" not in content
