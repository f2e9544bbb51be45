"""ELF files are read as the loader reads them, and no bytes make the reader fail."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import pytest
from elves import ARM64, elf
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.packaging.inspection.elf import Elf, VersionNeed, parse
from orchestrator.packaging.inspection.elf_symbols import symbols_of

_VERSIONS = {
    "libc.so.6": {"GLIBC_2.17": (False, ["open"]), "GLIBC_2.38": (False, ["__isoc23_strtol", "strlcpy"])},
    "libm.so.6": {"GLIBC_2.29": (True, ["exp"])},
}
_WHOLE = elf(
    needed=["libc.so.6", "libm.so.6"], soname="x.so", runpath="$ORIGIN/../x.libs:/opt/lib", versions=_VERSIONS,
    interpreter="/lib/ld-linux-aarch64.so.1",
)  # fmt: skip


@pytest.mark.parametrize("bits", [32, 64])
@pytest.mark.parametrize("order", ["<", ">"])
def test_everything_is_read_without_section_headers(bits: int, order: str) -> None:
    """Both classes and byte orders give what they need, where they look, and which symbols need which version."""
    content = elf(8, bits, order, needed=["libc.so.6", "libm.so.6"], rpath="$ORIGIN", versions=_VERSIONS)
    found = parse(content)
    assert found == Elf(
        8,
        bits,
        order == "<",
        needed=("libc.so.6", "libm.so.6"),
        search_path=("$ORIGIN",),
        inherited=True,
        versions=(
            VersionNeed("libc.so.6", "GLIBC_2.17", weak=False, index=2),
            VersionNeed("libc.so.6", "GLIBC_2.38", weak=False, index=3),
            VersionNeed("libm.so.6", "GLIBC_2.29", weak=True, index=4),
        ),
    )
    assert symbols_of(content, {3, 4}) == {3: ["__isoc23_strtol", "strlcpy"], 4: ["exp"]}


def test_runpath_replaces_rpath_and_programs_are_told() -> None:
    """A RUNPATH makes the loader forget the RPATH, and a file with an interpreter is a program."""
    found = parse(_WHOLE)
    assert found is not None
    assert (found.soname, found.search_path, found.inherited) == ("x.so", ("$ORIGIN/../x.libs", "/opt/lib"), False)
    assert (found.interpreter, found.is_program) == ("/lib/ld-linux-aarch64.so.1", True)
    both = parse(elf(rpath="/a", runpath="/b"))
    assert both is not None
    assert (both.search_path, both.inherited) == (("/b",), False)


def test_files_of_this_machine() -> None:
    """Python itself, made by a real linker, is a program that says why it needs every version."""
    content = Path(sys.executable).resolve().read_bytes()
    found = parse(content)
    assert found is not None
    assert found.damage == ""
    assert found.interpreter is not None
    assert any(need.name.startswith("GLIBC_2.") for need in found.versions)
    symbols = symbols_of(content, {need.index for need in found.versions})
    assert all(symbols[need.index] for need in found.versions)


def test_a_static_file_needs_nothing() -> None:
    """Without a dynamic section there is nothing to find and nothing wrong."""
    header = elf(kind=2)
    bare = header[:56] + b"\0\0" + header[58:]
    assert parse(bare) == Elf(ARM64, 64, little_endian=True, is_program=True)


@pytest.mark.parametrize("length", [4, 16, 19, 20, 60, 64, 100, len(_WHOLE) - 1])
def test_a_file_that_ends_early_is_damaged(length: int) -> None:
    """A truncated file is told as damaged, with the machine as far as it is known."""
    found = parse(_WHOLE[:length])
    assert found is not None
    assert found.damage


@given(st.binary(max_size=300))
def test_no_bytes_make_it_fail(rest: bytes) -> None:
    """Anything behind the magic, and anything at all, gives an answer."""
    assert parse(rest) is None or rest.startswith(b"\x7fELF")
    assert parse(b"\x7fELF" + rest) is not None


@given(
    st.lists(st.tuples(st.integers(4, len(_WHOLE) - 1), st.integers(0, 255)), max_size=12),
    st.lists(st.tuples(st.integers(4, len(_WHOLE) - 8), st.integers(0, 2**64 - 1)), max_size=3),
)
def test_no_mutation_makes_it_fail_or_loop(changes: list[tuple[int, int]], words: list[tuple[int, int]]) -> None:
    """A real layout with hostile offsets, counts and sizes is read in bounded time."""
    content = bytearray(_WHOLE)
    for position, value in changes:
        content[position] = value
    for position, word in words:
        content[position : position + 8] = word.to_bytes(8, "little")
    begin = time.process_time()
    found = parse(content)
    assert found is not None
    symbols_of(content, {need.index for need in found.versions[:10]})
    assert time.process_time() - begin < 5
