"""Archives that try to write elsewhere."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest

from orchestrator.errors import MachineryError, Refused
from orchestrator.packaging.inside import snapshot, untar
from orchestrator.packaging.inside.snapshot import check_commit, unpack
from orchestrator.packaging.inside.untar import extract


def _entry(
    name: str, kind: bytes = tarfile.REGTYPE, link: str = "", content: bytes = b"x"
) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, 0o644
    info.size = len(content) if kind == tarfile.REGTYPE else 0
    return info, content


def _tar(path: Path, *entries: tuple[tarfile.TarInfo, bytes], comment: str = "") -> Path:
    headers = {"comment": comment} if comment else {}
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT, pax_headers=headers) as archive:
        for info, content in entries:
            archive.addfile(info, io.BytesIO(content))
    return path


HOSTILE = {
    "absolute": [_entry("/escaped")],
    "parent": [_entry("a/../../escaped")],
    "dot": [_entry("./a/./b")],
    "hard link": [_entry("a", tarfile.LNKTYPE, "/etc/passwd")],
    "device": [_entry("a", tarfile.CHRTYPE)],
    "pipe": [_entry("a", tarfile.FIFOTYPE)],
    "link to absolute": [_entry("a", tarfile.SYMTYPE, "/etc/passwd")],
    "link to parent": [_entry("a", tarfile.SYMTYPE, "../escaped")],
    "write through a link": [_entry("a", tarfile.SYMTYPE, ".."), _entry("a/escaped")],
    "write through a safe link": [_entry("b", tarfile.DIRTYPE), _entry("a", tarfile.SYMTYPE, "b"), _entry("a/c")],
    "chain of links": [
        _entry("d/e/x"),
        _entry("a", tarfile.SYMTYPE, "d/e"),
        _entry("b", tarfile.SYMTYPE, "a/../../../escaped"),
    ],
    "twice": [_entry("a"), _entry("a", content=b"y")],
    "git": [_entry(".git/config")],
    "git in other letters": [_entry(".GIT/hooks/post-checkout")],
    "file below a file": [_entry("a"), _entry("a/b")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_archive_leaves_nothing(tmp_path: Path, name: str) -> None:
    """An archive with an unsafe entry is not extracted, and what was written before it is removed."""
    target = tmp_path / "inner" / "tree"
    with pytest.raises((Refused, MachineryError)):
        extract(_tar(tmp_path / "x.tar", *HOSTILE[name]), target)
    assert not target.exists()
    assert not list(tmp_path.rglob("escaped"))


def test_modes_and_links_survive(tmp_path: Path) -> None:
    """Executables stay executable, and links inside the commit work."""
    script, link = _entry("bin/run"), _entry("link", tarfile.SYMTYPE, "bin/run")
    script[0].mode = 0o775
    target = tmp_path / "tree"
    assert extract(_tar(tmp_path / "x.tar", script, link, _entry("ä b")), target) == 3
    assert ((target / "bin/run").stat().st_mode & 0o777, (target / "link").read_text()) == (0o755, "x")


def test_too_many_or_too_large(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Counts and sizes are limited while reading, not afterwards."""
    monkeypatch.setattr(untar, "ENTRY_LIMIT", 3)
    with pytest.raises(Refused, match="not safe"):
        extract(_tar(tmp_path / "x.tar", *(_entry(f"f{number}") for number in range(4))), tmp_path / "tree")


def test_compression_bomb_stops_early(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A small file that unpacks to a huge one is refused before it fills the disk."""
    monkeypatch.setattr(snapshot, "SIZE_LIMIT_BYTES", 2_000_000)
    packed = tmp_path / "x.gz"
    packed.write_bytes(gzip.compress(b"\0" * 50_000_000))
    with pytest.raises(Refused, match="too large"):
        unpack(packed, tmp_path / "x.tar")
    assert (tmp_path / "x.tar").stat().st_size <= 2_000_000


@pytest.mark.parametrize(
    ("content", "error"),
    [
        pytest.param(b"no gzip", Refused, id="no gzip"),
        pytest.param(gzip.compress(b"abc" * 9999)[:-9], MachineryError, id="cut off"),
    ],
)
def test_damaged_download_is_named(tmp_path: Path, content: bytes, error: type[Exception]) -> None:
    """What is not gzip is refused; what ends too early may be fetched again."""
    packed = tmp_path / "x.gz"
    packed.write_bytes(content)
    with pytest.raises(error):
        unpack(packed, tmp_path / "x.tar")


@pytest.mark.parametrize("comment", ["", "b" * 40, "a" * 39])
def test_archive_of_another_commit_is_refused(tmp_path: Path, comment: str) -> None:
    """The commit that git wrote into the archive must be the one the build was started for."""
    with pytest.raises(Refused, match="another commit"):
        check_commit(_tar(tmp_path / "x.tar", _entry("a"), comment=comment), "a" * 40)


def test_archive_of_the_commit_is_taken(tmp_path: Path) -> None:
    """The right commit passes."""
    check_commit(_tar(tmp_path / "x.tar", _entry("a"), comment="a" * 40), "a" * 40)
