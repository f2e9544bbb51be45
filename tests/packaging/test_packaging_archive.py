"""The zip is a function of its files."""

from __future__ import annotations

import hashlib
import os
import struct
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.errors import BuildFailed, MachineryError, Refused
from orchestrator.packaging.assembly import archive as module
from orchestrator.packaging.assembly.archive import write_zip
from orchestrator.packaging.assembly.layout import Entry, lay_out
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings
from orchestrator.packaging.runtimes import target_of

ARM = target_of("arm64", "python3.12")
_NAMES = st.text("abcÄ_.-", min_size=1, max_size=6).filter(lambda name: name.strip(".") and not name.endswith(".pyc"))
_SCRIPT = """
import os, sys
from pathlib import Path
os.umask(int(sys.argv[3], 8))
from orchestrator.packaging.assembly.layout import lay_out
from orchestrator.packaging.assembly.archive import write_zip
write_zip(lay_out("function", Path(sys.argv[1]), None).entries, Path(sys.argv[2]))
"""


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(files=st.dictionaries(_NAMES, st.binary(max_size=2000), min_size=1, max_size=6), data=st.data())
def test_order_and_times_do_not_matter(
    tmp_path_factory: pytest.TempPathFactory, files: dict[str, bytes], data: st.DataObject
) -> None:
    """The same files, created in any order, in any directory, at any time, give the same bytes."""
    zips = []
    for order in (list(files), data.draw(st.permutations(list(files)))):
        root = tmp_path_factory.mktemp("files")
        for number, name in enumerate(order):
            (root / name).write_bytes(files[name])
            os.utime(root / name, (number * 1000, number * 1000))
        target = tmp_path_factory.mktemp("zip") / "package.zip"
        write_zip(lay_out("function", root, None).entries, target)
        zips.append(target.read_bytes())
    assert zips[0] == zips[1]


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
    """Every entry has 1980-01-01, mode 644 or 755, Unix, and there are no entries for directories."""
    root = tmp_path / "files"
    (root / "d").mkdir(parents=True)
    (root / "d/run").write_text("x")
    (root / "d/run").chmod(0o711)
    (root / "a").write_text("x")
    (root / "__pycache__").mkdir()
    (root / "__pycache__/a.pyc").write_text("x")
    write_zip(lay_out("function", root, None).entries, tmp_path / "x.zip")
    infos = zipfile.ZipFile(tmp_path / "x.zip").infolist()
    assert [(info.filename, oct(info.external_attr >> 16)) for info in infos] == [
        ("a", "0o100644"),
        ("d/run", "0o100755"),
    ]
    assert {(info.date_time, info.create_system, info.flag_bits, info.extra) for info in infos} == {
        ((1980, 1, 1, 0, 0, 0), 3, 0, b"")
    }


def test_too_large_is_said_before_writing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package over Lambda's limit names its largest folders, and no file appears."""
    monkeypatch.setattr(module, "UNZIPPED_LIMIT_BYTES", 10)
    with pytest.raises(BuildFailed, match="larger than Lambda takes") as caught:
        write_zip([Entry("big/a", executable=False, content=b"x" * 11)], tmp_path / "x.zip")
    assert "`big` 11" in caught.value.detail
    assert list(tmp_path.iterdir()) == []


def test_full_disk_leaves_no_half_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that fills up is machinery, and nothing stands under the final name."""

    def full(*_arguments: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module, "_add", full)
    with pytest.raises(MachineryError, match="cannot write"):
        write_zip([Entry("a", executable=False, content=b"x")], tmp_path / "x.zip")
    assert list(tmp_path.iterdir()) == []


def _elf(machine: int, bits: int = 2, order: int = 1) -> bytes:
    return (
        b"\x7fELF"
        + bytes([bits, order, 1])
        + b"\0" * 11
        + struct.pack("<H" if order == 1 else ">H", machine)
        + b"\0" * 44
    )


_PE = b"MZ" + b"\0" * 58 + struct.pack("<I", 0x80) + b"\0" * 80
RECORD = "my_lib-1.0.dist-info/RECORD"


@pytest.mark.parametrize(
    ("name", "content", "problem"),
    [
        ("a.so", _elf(62), "x86_64"),
        ("a", _elf(183, bits=1), "32-bit"),
        ("a", _elf(183, order=2), "big-endian"),
        ("a.dat", _PE, "Windows"),
        ("a", b"\xcf\xfa\xed\xfe" + b"\0" * 60, "macOS"),
        ("a", b"\xca\xfe\xba\xbe\x00\x00\x00\x02" + b"\0" * 60, "macOS"),
        ("a.cpython-311-aarch64-linux-gnu.so", _elf(183), "cpython-311"),
        ("a.cpython-312-aarch64-linux-musl.so", _elf(183), "musl"),
        ("a.cpython-313t-aarch64-linux-gnu.so", _elf(183), "cpython-313t"),
        ("a.cpython-312-x86_64-linux-gnu.so", _elf(183), "x86_64-linux-gnu"),
        ("a.pypy310-pp73-aarch64-linux-gnu.so", _elf(183), "pypy310"),
        ("../a", b"x", "leaves"),
    ],
)
def test_what_cannot_run_is_found(tmp_path: Path, name: str, content: bytes, problem: str) -> None:
    """Machine code for anything but the target is found in any file, and its distribution is named."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, content)
        archive.writestr(RECORD, f"{name},,\n")
    inspected = inspect(tmp_path / "x.zip", ARM)
    assert [(finding.file, finding.distribution) for finding in inspected.findings] == [(name, "my_lib 1.0")]
    with pytest.raises(Refused) as caught:
        refuse_findings(inspected, ARM)
    assert problem in caught.value.detail


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.so", _elf(183)),
        ("a.cpython-312-aarch64-linux-gnu.so", _elf(183)),
        ("a.abi3.so", _elf(183)),
        ("A.class", b"\xca\xfe\xba\xbe\x00\x00\x00\x34" + b"\0" * 60),
        ("MZ.txt", b"MZ is how this text begins, and it goes on for more than sixty-four bytes"),
        ("empty", b""),
    ],
)
def test_what_can_run_passes(tmp_path: Path, name: str, content: bytes) -> None:
    """Nothing is refused that only looks like machine code."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(name, content)
    assert inspect(tmp_path / "x.zip", ARM).findings == ()


def test_damaged_zip_is_refused(tmp_path: Path) -> None:
    """What is no zip is refused, not reported as our bug."""
    (tmp_path / "x.zip").write_bytes(b"PK no")
    with pytest.raises(Refused, match="not a readable zip"):
        inspect(tmp_path / "x.zip", ARM)


def test_links_of_the_commit_are_followed_inside_only(tmp_path: Path) -> None:
    """Links become the files they point to; circles and dead links are named."""
    root = tmp_path / "files"
    (root / "d").mkdir(parents=True)
    (root / "d/a").write_text("x")
    (root / "l").symlink_to("d")
    assert [entry.name for entry in lay_out("function", root, None).entries] == ["d/a", "l/a"]
    (root / "d/up").symlink_to("..")
    with pytest.raises(BuildFailed, match="circle"):
        lay_out("function", root, None)
