"""Zips are read alike by everybody or not at all."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.packaging.zip_directory import UnreadableMember, mapped, read_directory, read_member
from orchestrator.packaging.zip_end import UnreadableZip

_NAMES = st.text(st.characters(exclude_categories=["Cs", "Cc"]), min_size=1, max_size=8).filter(
    lambda name: "\\" not in name and not name.startswith("/")
)


class _Stream(io.RawIOBase):
    """A target that cannot be rewound, so that headers come before sizes are known."""

    def __init__(self) -> None:
        self.content = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, content: bytes) -> int:  # type: ignore[override]
        self.content += content
        return len(content)


def _zip(files: dict[str, bytes], method: int = zipfile.ZIP_DEFLATED, comment: bytes = b"") -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = comment
    return buffer.getvalue()


_FILES = {"a.txt": b"a" * 1000, "b/c.txt": b"some more", "empty": b""}
_PLAIN = _zip(_FILES)
_END = _PLAIN.rindex(b"PK\x05\x06")
_DIRECTORY = _PLAIN.index(b"PK\x01\x02")


@given(
    files=st.dictionaries(_NAMES, st.binary(max_size=500), max_size=5),
    method=st.sampled_from([zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED]),
    streamed=st.booleans(),
    comment=st.binary(max_size=30).filter(lambda text: b"PK" not in text),
)
def test_what_zipfile_writes_is_read(files: dict[str, bytes], method: int, streamed: bool, comment: bytes) -> None:
    """Names, sizes, checksums and contents are the same, with or without data descriptors, in any script."""
    target = _Stream() if streamed else io.BytesIO()
    with zipfile.ZipFile(target, "w", method) as archive:  # type: ignore[arg-type]
        for name, content in files.items():
            archive.writestr(name, content)
        archive.comment = comment
    content = bytes(target.content) if isinstance(target, _Stream) else target.getvalue()  # type: ignore[attr-defined]
    members = read_directory(content)
    assert {member.name: bytes(read_member(memoryview(content), member)) for member in members} == files
    expected = zipfile.ZipFile(io.BytesIO(content)).infolist()
    assert [(member.header_offset, member.crc, member.create_system) for member in members] == [
        (info.header_offset, info.CRC, info.create_system) for info in expected
    ]


def test_large_zips_have_64_bit_records() -> None:
    """More than 65,535 members, and members written with 64-bit sizes, are read."""
    many = _zip({f"{number}": b"" for number in range(65_600)}, zipfile.ZIP_STORED)
    assert len(read_directory(many)) == 65_600
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, archive.open("x", "w", force_zip64=True) as member:
        member.write(b"content")
    content = buffer.getvalue()
    assert [bytes(read_member(memoryview(content), member)) for member in read_directory(content)] == [b"content"]


def _changed(offset: int, layout: str, value: int) -> bytes:
    content = bytearray(_PLAIN)
    struct.pack_into(layout, content, offset, value)
    return bytes(content)


def _overlapping() -> bytes:
    """Return a zip with two names for the same bytes, as bombs have thousands of."""
    first_end = _PLAIN.index(b"PK\x01\x02", _DIRECTORY + 1)
    entry = _PLAIN[_DIRECTORY:first_end]
    local = _PLAIN[: _PLAIN.index(b"PK\x03\x04", 1)]
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 2, 2, 2 * len(entry), len(local), 0)
    return local + entry + entry + end


def _hidden() -> bytes:
    """Return a zip with a local header between its members that the directory does not list."""
    hidden = _zip({"hidden.py": b"x"}, zipfile.ZIP_STORED)
    hidden = hidden[: hidden.index(b"PK\x01\x02")]
    size = _END - _DIRECTORY
    end = struct.pack("<4sHHHHIIH", b"PK\x05\x06", 0, 0, 3, 3, size, _DIRECTORY + len(hidden), 0)
    return _PLAIN[:_DIRECTORY] + hidden + _PLAIN[_DIRECTORY:_END] + end


_TRICKS: dict[str, tuple[bytes, str]] = {
    "no zip": (b"PK no", "no end"),
    "a page instead of a zip": (b"<html>" * 100, "no end"),
    "cut off": (_PLAIN[:-1], "no end"),
    "bytes behind": (_PLAIN + b"x", "no end"),
    "bytes before": (b"#!/bin/sh\n" + _PLAIN, "do not belong"),
    "a second end in the comment": (
        _PLAIN[:-2] + struct.pack("<H", 22) + _PLAIN[_END:],
        "two ends",
    ),
    "one part of several": (_changed(_END + 4, "<H", 1), "several files"),
    "too few members": (_changed(_END + 8, "<I", 0x00020002), "belong to no member"),
    "too many members": (_changed(_END + 8, "<I", 0x00040004), "central directory"),
    "another name in the local header": (_changed(30, "<B", ord("z")), "contradict"),
    "another method in the local header": (_changed(8, "<H", 0), "contradict"),
    "another size in the local header": (_changed(22, "<I", 7), "contradict"),
    "encrypted in the local header only": (_changed(6, "<H", 1), "contradict"),
    "an offset beyond the file": (_changed(_DIRECTORY + 42, "<I", 2**31), "no content"),
    "an offset into content": (_changed(_DIRECTORY + 42, "<I", 3), "no content"),
    "a size beyond the directory": (_changed(_DIRECTORY + 20, "<I", 10**6), "contradict"),
    "overlapping members": (_overlapping(), "overlaps"),
    "a member that is not listed": (_hidden(), "does not list"),
    "a comment as long as the rest": (_changed(_DIRECTORY + 32, "<H", 60_000), "damaged"),
}


@pytest.mark.parametrize("trick", _TRICKS)
def test_what_readers_would_disagree_about_is_refused(trick: str) -> None:
    """Each of the ways to show different files to different programs is named."""
    content, said = _TRICKS[trick]
    with pytest.raises(UnreadableZip, match=r".*") as caught:
        read_directory(content)
    assert said in caught.value.observed


def test_a_nested_zip_is_no_second_end() -> None:
    """A stored wheel as the last member brings an end record of its own, which belongs to it."""
    content = _zip({"vendored.whl": _PLAIN}, zipfile.ZIP_STORED)
    assert [member.name for member in read_directory(content)] == ["vendored.whl"]


@given(st.lists(st.tuples(st.integers(0, len(_PLAIN) - 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_is_refused_or_harmless(changes: list[tuple[int, int]]) -> None:
    """Whatever bytes change, either the zip is refused, or a member is, or the contents are what they were."""
    content = bytearray(_PLAIN)
    for position, value in changes:
        content[position] = value
    try:
        read = [bytes(read_member(memoryview(content), member)) for member in read_directory(bytes(content))]
    except (UnreadableZip, UnreadableMember):
        return
    assert read == list(_FILES.values())


_LIES: dict[str, tuple[Callable[[bytearray], None], str]] = {
    "content larger than said": (lambda content: _resize(content, 999), "more of it"),
    "content smaller than said": (lambda content: _resize(content, 1001), "1000 bytes"),
    "nothing said, something there": (lambda content: _resize(content, 0), "more of it"),
    "a wrong checksum": (lambda content: _both(content, 14, 16, 1), "checksum"),
    "encrypted": (lambda content: _both(content, 6, 8, 1, "<H"), "encrypted"),
    "an unknown method": (lambda content: _both(content, 8, 10, 14, "<H"), "method 14"),
}


def _both(content: bytearray, local: int, central: int, value: int, layout: str = "<I") -> None:
    struct.pack_into(layout, content, local, value)
    struct.pack_into(layout, content, _DIRECTORY + central, value)


def _resize(content: bytearray, size: int) -> None:
    _both(content, 22, 24, size)


@pytest.mark.parametrize("lie", _LIES)
def test_members_that_lie_are_refused(lie: str) -> None:
    """A member whose headers agree with each other and not with its content is told with what was seen."""
    change, said = _LIES[lie]
    content = bytearray(_PLAIN)
    change(content)
    member = read_directory(bytes(content))[0]
    with pytest.raises(UnreadableMember) as caught:
        read_member(memoryview(content), member)
    assert said in caught.value.observed
    assert "a.txt" in str(caught.value)


def test_names_of_info_zip_are_read() -> None:
    """The Unicode Path field, which Info-ZIP writes, names the member as programs unpack it, if it fits the header."""
    for checksum, name in ((zlib.crc32(b"x"), "..Ä"), (0, "x")):
        info = zipfile.ZipInfo("x")
        field = b"\x01" + struct.pack("<I", checksum) + "..Ä".encode()
        info.extra = struct.pack("<HH", 0x7075, len(field)) + field
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr(info, b"")
        assert [member.name for member in read_directory(buffer.getvalue())] == [name]


def test_files_are_mapped(tmp_path: Path) -> None:
    """A file is read where it lies; an empty one, which cannot be mapped, is refused like any other that is no zip."""
    (tmp_path / "x.zip").write_bytes(_PLAIN)
    with mapped(tmp_path / "x.zip") as content:
        assert len(read_directory(content)) == len(_FILES)
    (tmp_path / "empty.zip").touch()
    with pytest.raises(UnreadableZip), mapped(tmp_path / "empty.zip"):
        pass
