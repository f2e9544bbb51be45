"""Which files of the application are packed, and what ends the build instead."""

from __future__ import annotations

import os
import socket
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from made_wheels import wheel

from orchestrator.errors import BuildFailed, ConfigurationError, OrchestratorError, Refused
from orchestrator.packaging.assembly import compress, entries, merge
from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Order
from orchestrator.packaging.runtimes import target_of

TARGET = target_of("arm64", "python3.12")


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return an empty directory for the application."""
    folder = tmp_path / "source"
    folder.mkdir()
    return folder


def _names(folder: Path, *sources: Path, kind: str = "function", **more: Any) -> list[str]:
    output = folder / "package.zip"
    assemble(Order(kind, TARGET, more.pop("wheels", ()), sources, **more), output)
    return zipfile.ZipFile(output).namelist()


def _write(folder: Path, *names: str) -> None:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(name)


def test_what_has_no_meaning_in_a_lambda_stays_out(tmp_path: Path, source: Path) -> None:
    """Bytecode, caches and the files of version control are left out of functions, and of nothing else."""
    _write(
        source, "app.py", "tests/t.py", "a/__pycache__/a.pyc", "b.pyc", ".git/config", "node_modules/x.js", ".env.yml"
    )
    assert _names(tmp_path, source) == [".env.yml", "app.py", "tests/t.py"]


@pytest.mark.parametrize(
    ("kind", "files", "expected"),
    [
        ("function", ("app.py", "lib/x.so"), ["app.py", "lib/x.so"]),
        ("layer", ("app.py", "lib/x.so"), ["python/app.py", "python/lib/x.so"]),
        ("layer", ("python/app.py", "lib/x.so", "bin/x"), ["bin/x", "lib/x.so", "python/app.py"]),
        ("custom", ("bootstrap", "node_modules/x.js", "a.pyc"), ["a.pyc", "bootstrap", "node_modules/x.js"]),
    ],
)
def test_places_depend_on_the_kind(
    tmp_path: Path, source: Path, kind: str, files: tuple[str, ...], expected: list[str]
) -> None:
    """Functions are laid out as they are, layers below `python/` unless they have that already, custom unchanged."""
    _write(source, *files)
    assert _names(tmp_path, source, kind=kind) == expected


def test_sources_are_directories_and_files(tmp_path: Path, source: Path) -> None:
    """Several sources become one tree; equal files may meet, different ones are named."""
    _write(source, "a.py", "b.py")
    other = tmp_path / "other.py"
    other.write_text("x")
    assert _names(tmp_path, source, other) == ["a.py", "b.py", "other.py"]
    assert _names(tmp_path, source, source / "a.py") == ["a.py", "b.py"]
    (tmp_path / "a.py").write_text("something else")
    with pytest.raises(BuildFailed, match=r"two sources have different files named `a\.py`"):
        _names(tmp_path, source, tmp_path / "a.py")
    with pytest.raises(ConfigurationError, match="missing"):
        _names(tmp_path, tmp_path / "missing")


def test_files_of_dependencies_are_not_replaced(tmp_path: Path, source: Path) -> None:
    """A file of the application may equal one of a dependency, not replace it."""
    _write(source, "a.py")
    equal, different = wheel(tmp_path, "eq", {"a.py": b"a.py"}), wheel(tmp_path, "ne", {"a.py": b"b.py"})
    assert "a.py" in _names(tmp_path, source, wheels=(equal,))
    with pytest.raises(BuildFailed, match=r"ne 1\.0 and the application bring different files") as caught:
        _names(tmp_path, source, wheels=(different,))
    assert "rename" in caught.value.hint


def test_links_are_followed_inside_the_root(tmp_path: Path, source: Path) -> None:
    """Links become what they lead to, as long as that is below the root."""
    _write(source, "d/a")
    _write(tmp_path, "shared/s.py")
    (source / "l").symlink_to("d")
    (source / "f").symlink_to("d/a")
    assert _names(tmp_path, source) == ["d/a", "f", "l/a"]
    (source / "s").symlink_to("../shared")
    assert _names(tmp_path, source, root=tmp_path) == ["d/a", "f", "l/a", "s/s.py"]
    with pytest.raises(Refused, match="`s` leads out"):
        _names(tmp_path, source)


def _dead(source: Path) -> None:
    (source / "x").symlink_to("nowhere")


def _circle(source: Path) -> None:
    (source / "d").mkdir()
    (source / "d/x").symlink_to("..")


def _itself(source: Path) -> None:
    (source / "x").symlink_to("x")


def _outside(source: Path) -> None:
    (source / "x").symlink_to("/etc/hostname" if Path("/etc/hostname").exists() else "/etc/passwd")


def _outside_directory(source: Path) -> None:
    (source / "x").symlink_to("/etc")


def _pipe(source: Path) -> None:
    os.mkfifo(source / "x")


def _socket(source: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        # Paths of sockets are short; the directory of the test may not be.
        here = Path.cwd()
        os.chdir(source)
        server.bind("x")
        os.chdir(here)


def _device(source: Path) -> None:
    (source / "x").symlink_to("/dev/zero")


def _no_utf8(source: Path) -> None:
    (Path(os.fsdecode(os.fsencode(source) + b"/\xff"))).write_text("")


def _newline(source: Path) -> None:
    (source / "a\nhint: b").write_text("")


def _backslash(source: Path) -> None:
    (source / "..\\x").write_text("")


@pytest.mark.parametrize(
    ("make", "failure", "text"),
    [
        (_dead, BuildFailed, "`x` leads nowhere"),
        (_circle, BuildFailed, "`d/x` goes in a circle"),
        (_itself, BuildFailed, "`x`"),
        (_outside, Refused, "`x` leads out"),
        (_outside_directory, Refused, "`x` leads out"),
        (_pipe, BuildFailed, "`x` is no regular file"),
        (_socket, BuildFailed, "`x` is no regular file"),
        (_device, Refused, "`x` leads out"),
        (_no_utf8, Refused, "name"),
        (_newline, Refused, "name"),
        (_backslash, Refused, "name"),
    ],
)
def test_what_is_no_file_of_the_application_is_named(
    tmp_path: Path, source: Path, make: Callable[[Path], None], failure: type[OrchestratorError], text: str
) -> None:
    """Links out of the application, special files and hostile names end the build; nothing is written."""
    _write(source, "a.py")
    make(source)
    with pytest.raises(failure, match=text) as caught:
        _names(tmp_path, source)
    assert "\nhint: b" not in str(caught.value)
    assert not (tmp_path / "package.zip").exists()


@pytest.mark.parametrize("change", [b"longer than before", b"", b"xyz"])
def test_files_that_change_meanwhile_are_refused(
    tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch, change: bytes
) -> None:
    """A file that is longer, shorter or newer than it was when the package was planned ends the build."""
    (source / "a.py").write_bytes(b"abc")
    original = compress._compressed

    def late(entry: entries.Entry) -> compress.Packed:
        (source / "a.py").write_bytes(change)
        os.utime(source / "a.py", (1, 1))
        return original(entry)

    monkeypatch.setattr(compress, "_compressed", late)
    with pytest.raises(Refused, match=r"'a.py' changed while it was packed"):
        _names(tmp_path, source)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["source"]


def test_earlier_results_are_not_packed(tmp_path: Path, source: Path) -> None:
    """A package that is written into the application's own directory does not contain its predecessor."""
    _write(source, "a.py", "dist/notes.json", "dist/other.txt")
    order = Order("function", TARGET, (), (source,), ignored=(source / "dist/notes.json",))
    first = assemble(order, source / "dist/package.zip")
    content = (source / "dist/package.zip").read_bytes()
    (source / "dist/.package.zip.part").write_text("left by a crash")
    assert assemble(order, source / "dist/package.zip") == first
    assert (source / "dist/package.zip").read_bytes() == content
    assert set(first.origins) == {"a.py", "dist/other.txt"}


def test_too_large_is_said_before_writing(tmp_path: Path, source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A package over Lambda's limit names what is largest, dependencies and directories alike; no file appears."""
    monkeypatch.setattr(merge, "UNZIPPED_LIMIT_BYTES", 200)
    _write(source, "big/" + "a" * 150, "small/b")
    with pytest.raises(BuildFailed, match="larger than Lambda takes") as caught:
        _names(tmp_path, source, wheels=(wheel(tmp_path, "d", {"d.py": b"x" * 90}),))
    assert "largest: `big` of the application 154, d 1.0 " in caught.value.detail
    assert not (tmp_path / "package.zip").exists()


def test_empty_packages_are_refused(tmp_path: Path, source: Path) -> None:
    """Nothing at all, or nothing after the filters, is no package."""
    with pytest.raises(BuildFailed, match="empty"):
        _names(tmp_path, source)
    _write(source, "a.py")
    with pytest.raises(BuildFailed, match="empty"):
        _names(tmp_path, source, exclude=("**",))


def test_custom_packages_take_no_dependencies(tmp_path: Path, source: Path) -> None:
    """What the user's own commands leave is packed as it is; wheels and bytecode have no place there."""
    _write(source, "a.py")
    for more in ({"wheels": (wheel(tmp_path, "d", {"d.py": b""}),)}, {"bytecode": True}):
        with pytest.raises(ConfigurationError, match="custom"):
            _names(tmp_path, source, kind="custom", **more)
