"""Bytecode that the runtime takes, and that is the same every time."""

from __future__ import annotations

import hashlib
import importlib.util
import marshal
import sys
import zipfile
from pathlib import Path
from types import CodeType
from typing import Any

import pytest
from made_wheels import wheel

from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.bytecode import compile_entries
from orchestrator.packaging.assembly.entries import Entry, InMemory
from orchestrator.packaging.assembly.model import Assembled, Order
from orchestrator.packaging.runtimes import target_of

MINOR = f"{sys.version_info[0]}.{sys.version_info[1]}"
HERE = target_of("arm64", f"python{MINOR}")
INTERPRETER = Path(sys.executable)
TAG = sys.implementation.cache_tag


def _assemble(folder: Path, kind: str = "function", **more: Any) -> Assembled:
    source = folder / "source"
    source.mkdir(exist_ok=True)
    (source / "app.py").write_text("def handler(event, context):\n    return {'a', 'b', 'c'} | {1.5}\n")
    (source / "old.py").write_text("print 'python 2'\n")
    made = wheel(folder, "d", {"d/__init__.py": b"# coding: latin-1\nx = '\xe4'\n", "d/data.txt": b"t"})
    order = Order(kind, HERE, (made,), (source,), bytecode=True, interpreter=INTERPRETER, **more)
    return assemble(order, folder / "x.zip")


@pytest.mark.parametrize(
    ("kind", "site", "root"), [("function", "", "/var/task/"), ("layer", "python/", "/opt/python/")]
)
def test_bytecode_is_what_the_import_system_takes(tmp_path: Path, kind: str, site: str, root: str) -> None:
    """Every module has an unchecked-hash `.pyc` with its path in Lambda; RECORD and origins know it."""
    done = _assemble(tmp_path, kind)
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        content = archive.read(f"{site}d/__pycache__/__init__.{TAG}.pyc")
        record = archive.read(f"{site}d-1.0.dist-info/RECORD").decode()
    assert content[:8] == importlib.util.MAGIC_NUMBER + b"\1\0\0\0"
    code = marshal.loads(content[16:])  # noqa: S302 - we have just written it
    assert isinstance(code, CodeType)
    assert code.co_filename == f"{root}d/__init__.py"
    assert f"d/__pycache__/__init__.{TAG}.pyc,,\n" in record
    assert done.origins[f"{site}d/__pycache__/__init__.{TAG}.pyc"] == "d 1.0"
    assert f"{site}__pycache__/app.{TAG}.pyc" in done.origins
    assert done.interpreter == ".".join(map(str, sys.version_info[:3]))


def test_packages_with_bytecode_can_be_imported(tmp_path: Path) -> None:
    """The package works from its compiled files alone, and what does not compile is named and left as source."""
    done = _assemble(tmp_path)
    assert [note for note in done.notes if "not compiled" in note] == [
        f"not compiled, because this Python does not take them: {name}" for name in ("old.py",)
    ]
    with zipfile.ZipFile(tmp_path / "x.zip") as archive:
        code = marshal.loads(archive.read(f"__pycache__/app.{TAG}.pyc")[16:])  # noqa: S302 - we have just written it
    names: dict[str, Any] = {}
    exec(code, names)  # noqa: S102 - we have just written it
    assert names["handler"](None, None) == {"a", "b", "c", 1.5}


def test_patterns_apply_to_bytecode(tmp_path: Path) -> None:
    """A pattern keeps compiled files out as any other file."""
    done = _assemble(tmp_path, exclude=("d/__pycache__/**",))
    assert [name for name in done.origins if name.endswith(".pyc")] == [f"__pycache__/app.{TAG}.pyc"]


def test_bytecode_does_not_depend_on_other_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file compiled first, last or alone, under any hash seed and directory, gives the same bytes."""
    modules = ["argparse", "ast", "typing", "json.decoder", "dataclasses", "enum"]
    entries = {}
    for module in modules:
        found = importlib.util.find_spec(module)
        assert found is not None
        content = Path(str(found.origin)).read_bytes()
        entries[f"{module}.py"] = Entry(f"{module}.py", False, len(content), "", InMemory(content))
    seen = []
    for seed, names in enumerate([list(entries), list(entries)[::-1], list(entries)[3:]]):
        monkeypatch.setenv("PYTHONHASHSEED", str(seed))
        monkeypatch.chdir(tmp_path if seed else Path("/"))
        done = compile_entries({name: entries[name] for name in names}, "function", INTERPRETER, HERE)
        seen.append({entry.name: entry.content.read() for entry in done.entries})
    assert len(seen[0]) == len(modules)
    assert seen[0] == seen[1]
    assert seen[2].items() <= seen[0].items()


@pytest.mark.parametrize("seed", range(3))
def test_any_source_is_compiled_or_named(seed: int) -> None:
    """Null bytes, wrong encodings, nesting without end: no file stops the others."""
    hostile = [b"\0", b"# coding: nonsense\n", b"\xff\xfe", b"(" * 5000, b"x = " + b"-" * 100_000 + b"1", b"return\n"]
    hostile.append(_noise(seed, 500))
    entries = {f"{number}.py": _entry(f"{number}.py", content) for number, content in enumerate(hostile)}
    entries["z.py"] = _entry("z.py", b"x = 1\n")
    done = compile_entries(entries, "function", INTERPRETER, HERE)
    assert [entry.name for entry in done.entries] == [f"__pycache__/z.{TAG}.pyc"]
    assert "0.py, 1.py, 2.py, 3.py, 4.py and 2 more" in done.notes[0]


def _noise(seed: int, length: int) -> bytes:
    return hashlib.shake_256(bytes([seed % 256])).digest(length)


def _entry(name: str, content: bytes) -> Entry:
    return Entry(name, False, len(content), "", InMemory(content))


def test_wrong_interpreters_are_named(tmp_path: Path) -> None:
    """A Python of another version, none at all, or a program that is no Python ends the build; nothing is written."""
    other = target_of("arm64", "python3.10" if MINOR != "3.10" else "python3.11")
    source = tmp_path / "source"
    source.mkdir()
    (source / "a.py").write_text("")
    for target, interpreter, failure in (
        (other, INTERPRETER, ConfigurationError),
        (HERE, None, ConfigurationError),
        (HERE, tmp_path / "missing", MachineryError),
        (HERE, Path("/bin/true"), ConfigurationError),
    ):
        order = Order("function", target, (), (source,), bytecode=True, interpreter=interpreter)
        with pytest.raises(failure):
            assemble(order, tmp_path / "x.zip")
    assert not (tmp_path / "x.zip").exists()
