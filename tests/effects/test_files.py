"""Files of the work folder: whole, or as they were before."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from orchestrator.effects import files
from orchestrator.errors import ConfigurationError, MachineryError


@pytest.mark.parametrize("name", ["plain", "with space", "ünïcode", "a/b/c", "x" * 255], ids=lambda name: name[:12])
def test_a_file_is_written_whatever_it_is_called(tmp_path: Path, name: str) -> None:
    """Folders are made, names are free, and nothing else is left behind."""
    path = files.write_text(tmp_path / name, "text ü\n")
    assert path.read_text(encoding="utf-8") == "text ü\n"
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_a_link_is_replaced_not_followed(tmp_path: Path) -> None:
    """A link under the final name cannot make us write to another place."""
    (tmp_path / "victim").write_text("keep")
    (tmp_path / "link").symlink_to("victim")
    files.write_text(tmp_path / "link", "new")
    assert (tmp_path / "victim").read_text() == "keep"
    assert (tmp_path / "link").read_text() == "new"


def test_a_full_disk_leaves_the_old_content(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk is full, the file is what it was, no half file is left, and a retry is safe."""
    path = files.write_text(tmp_path / "file", "old")

    def full(*_: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "chmod", full)
    with pytest.raises(MachineryError, match="cannot write"):
        files.write_text(path, "new")
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_place_below_a_file_is_the_users_to_correct(tmp_path: Path) -> None:
    """An impossible place ends with 2: retrying would not help."""
    (tmp_path / "file").touch()
    for path in (tmp_path / "file" / "x", tmp_path, tmp_path / ("x" * 300), Path("/proc/no/such")):
        with pytest.raises(ConfigurationError, match="cannot write"):
            files.write_text(path, "text")
    assert [path.name for path in tmp_path.iterdir()] == ["file"]


def test_data_is_written_as_json(tmp_path: Path) -> None:
    """JSON files are sorted and end with a line end, so that they can be compared."""
    path = files.write_json(tmp_path / "x.json", {"b": 1, "a": Path("p")})
    assert path.read_text() == '{\n  "a": "p",\n  "b": 1\n}\n'
    assert json.loads(path.read_text()) == {"a": "p", "b": 1}


def test_a_tree_keeps_what_else_is_there(tmp_path: Path) -> None:
    """Rendering into a folder removes nothing of it."""
    (tmp_path / "mine").touch()
    written = files.write_tree(tmp_path, {"b/c": "2", "a": "1"})
    assert [path.relative_to(tmp_path).as_posix() for path in written] == ["a", "b/c"]
    assert (tmp_path / "mine").exists()


def test_only_what_a_machine_does_is_not_our_bug() -> None:
    """Errors of the disk or of permissions have their exit codes; what we did wrong stays a bug."""
    assert isinstance(files.file_failure(OSError(28, "full", "x")), MachineryError)
    assert isinstance(files.file_failure(OSError(13, "denied", "x")), ConfigurationError)
    assert files.file_failure(OSError(2, "no such file", "x")) is None
    assert files.file_failure(OSError("no number")) is None
