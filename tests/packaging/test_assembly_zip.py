"""The zip is a function of its files, and stands under its name whole or not at all."""

from __future__ import annotations

import hashlib
import os
import resource
import subprocess
import sys
import tracemalloc
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from made_wheels import wheel

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError
from orchestrator.packaging.assembly import archive, compress
from orchestrator.packaging.assembly.archive import write_zip
from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.entries import Entry, InMemory
from orchestrator.packaging.assembly.model import Order
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.zip_directory import mapped, read_directory

TARGET = target_of("arm64", "python3.12")
_NAMES = st.text("abcÄ_.-", min_size=1, max_size=6).filter(lambda name: name.strip(".") and not name.endswith(".pyc"))
_FILES = st.dictionaries(_NAMES, st.binary(max_size=2000), min_size=1, max_size=6)
_SCRIPT = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[3], 8))
from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Order
from orchestrator.packaging.runtimes import target_of
order = Order("function", target_of("arm64", "python3.12"), (), (Path(sys.argv[1]),))
assemble(order, Path(sys.argv[2]))
"""


def _noise(seed: int, length: int) -> bytes:
    return hashlib.shake_256(bytes([seed % 256])).digest(length)


def _memory(name: str, content: bytes = b"", *, executable: bool = False) -> Entry:
    return Entry(name, executable, len(content), "", InMemory(content))


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=_FILES, packed=_FILES, data=st.data())
def test_order_and_times_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], packed: dict[str, bytes], data: st.DataObject
) -> None:
    """The same files and wheels, created in any order, in any directory, at any time, give the same valid zip."""
    zips = []
    made = [wheel(tmp_path_factory.mktemp("wheels"), name, packed) for name in ("x", "y")]
    files = {f"d/{name}": content for name, content in files.items()}
    for order in (list(files), data.draw(st.permutations(list(files)))):
        root = tmp_path_factory.mktemp("files")
        (root / "d").mkdir()
        for number, name in enumerate(order):
            (root / name).write_bytes(files[name])
            os.utime(root / name, (number * 1000, number * 1000))
        target = tmp_path_factory.mktemp("zip") / "package.zip"
        assemble(Order("function", TARGET, tuple(data.draw(st.permutations(made))), (root,)), target)
        zips.append(target.read_bytes())
    assert zips[0] == zips[1]
    with zipfile.ZipFile(target) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == sorted(archive.namelist())
        assert {name: archive.read(name) for name in files} == files
        assert {name: archive.read(name) for name in packed} == packed


def test_umask_time_zone_and_process_do_not_matter(tmp_path: Path) -> None:
    """Another umask, time zone, hash seed and directory give the same digest."""
    digests = set()
    for number, (umask, zone) in enumerate([("022", "UTC"), ("077", "America/New_York"), ("000", "Asia/Kathmandu")]):
        root = tmp_path / f"files{number}"
        root.mkdir()
        for name in ("b.py", "a.py") if number else ("a.py", "b.py"):
            (root / name).write_text(name * 500)
        (root / "run").write_text("#!/bin/sh\n")
        (root / "run").chmod(0o700 if number else 0o755)
        environment = {**os.environ, "TZ": zone, "PYTHONHASHSEED": str(number)}
        environment["PYTHONPATH"] = str(Path(__file__).resolve().parents[2])
        target = tmp_path / f"{number}.zip"
        subprocess.run([sys.executable, "-c", _SCRIPT, root, target, umask], env=environment, check=True, timeout=60)
        digests.add(hashlib.sha256(target.read_bytes()).hexdigest())
    assert len(digests) == 1


def test_headers_are_normalised(tmp_path: Path) -> None:
    """Every entry has 1980-01-01, mode 644 or 755, Unix, nothing extra; UTF-8 is only said of names that need it."""
    entries = [_memory("a", b"x" * 99), _memory("d/run", b"x", executable=True), _memory("ä")]
    write_zip(entries, tmp_path / "x.zip")
    infos = zipfile.ZipFile(tmp_path / "x.zip").infolist()
    seen = [(info.filename, oct(info.external_attr >> 16), info.compress_type, info.flag_bits) for info in infos]
    assert seen == [("a", "0o100644", 8, 0), ("d/run", "0o100755", 0, 0), ("ä", "0o100644", 0, 0x800)]
    assert {(info.date_time, info.create_system, info.extra) for info in infos} == {((1980, 1, 1, 0, 0, 0), 3, b"")}
    with mapped(tmp_path / "x.zip") as whole:
        assert [member.name for member in read_directory(whole)] == ["a", "d/run", "ä"]


@pytest.mark.parametrize("length", [0, 1, 200_000, 300_000, 700_000])
def test_content_of_any_size_survives(tmp_path: Path, length: int) -> None:
    """What is written in pieces reads back as it was, whether it could be compressed or not."""
    contents = [_noise(length, length), b"ab" * length]
    write_zip([_memory(str(number), content) for number, content in enumerate(contents)], tmp_path / "x.zip")
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        assert [archive.read("0"), archive.read("1")] == contents
        assert [info.compress_type for info in archive.infolist()] == [0, 8 if length > 1 else 0]


def _on_a_full_disk(folder: Path) -> None:
    (folder / ".x.zip.part").symlink_to("/dev/full")
    write_zip([_memory("a", b"x" * 100)], folder / "x.zip")


def _over_a_quota(folder: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, limits[1]))
    try:
        write_zip([_memory("a", _noise(1, 2_000_000))], folder / "x.zip")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def _in_a_file(folder: Path) -> None:
    (folder / "old").write_text("")
    write_zip([_memory("a")], folder / "old" / "x.zip")


@pytest.mark.parametrize(
    ("fail", "kind"),
    [(_on_a_full_disk, MachineryError), (_over_a_quota, MachineryError), (_in_a_file, ConfigurationError)],
)
def test_full_disk_leaves_what_was_there(tmp_path: Path, fail: object, kind: type[Exception]) -> None:
    """A disk that fills up is machinery, a place that is none a mistake; the package of before stays, and it alone."""
    (tmp_path / "x.zip").write_text("the old one")
    with pytest.raises(kind, match=r"cannot write `x\.zip`"):
        fail(tmp_path)  # type: ignore[operator]
    assert (tmp_path / "x.zip").read_text() == "the old one"
    assert not (tmp_path / ".x.zip.part").is_symlink()
    assert not (tmp_path / ".x.zip.part").exists()


def test_too_many_files_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What a plain zip cannot count is said, not written wrongly."""
    monkeypatch.setattr(archive, "_ENTRIES_LIMIT", 1)
    with pytest.raises(BuildFailed, match="too many files"):
        write_zip([_memory("a"), _memory("b")], tmp_path / "x.zip")


def test_memory_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a large application only the files that are being compressed are in memory."""
    monkeypatch.setattr(compress, "_AHEAD_BYTES", 4_000_000)
    source = tmp_path / "source"
    source.mkdir()
    for number in range(40):
        (source / str(number)).write_bytes(_noise(number, 1_000_000))
    tracemalloc.start()
    try:
        done = assemble(Order("custom", TARGET, (), (source,)), tmp_path / "x.zip")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert done.unzipped_bytes == 40_000_000
    assert peak < 16_000_000
