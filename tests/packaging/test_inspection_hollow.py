"""What is named like machine code has to be machine code."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from orchestrator.packaging.inspection.inspect import inspect
from orchestrator.packaging.inspection.model import Rule, Severity
from orchestrator.packaging.runtimes import target_of

LFS = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"


@pytest.mark.parametrize(
    ("name", "content", "severity"),
    [
        ("_fast.cpython-312-aarch64-linux-gnu.so", LFS, Severity.ERROR),
        ("lib/libx.so.1", b"", Severity.ERROR),
        ("libx.so.1.2.3", b"text", Severity.ERROR),
        ("addon.node", b"text", Severity.ERROR),
        ("libc.so", b"/* GNU ld script */ GROUP ( libc.so.6 )", Severity.WARNING),
        ("notes.so.txt", b"text", None),
        ("also.py", b"", None),
    ],
)
def test_a_library_that_is_none_is_found(tmp_path: Path, name: str, content: bytes, severity: Severity | None) -> None:
    """A pointer, an empty file or a text under a library's name is found before anything tries to load it."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        info = zipfile.ZipInfo(name)
        info.external_attr = 0o100644 << 16
        archive.writestr(info, content)
    found = inspect(tmp_path / "x.zip", target_of("arm64", "python3.12")).findings
    assert [(item.rule, item.severity, item.file) for item in found] == (
        [(Rule.CONTENT, severity, name)] if severity else []
    )
