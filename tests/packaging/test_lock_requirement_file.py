"""Requirement files in every form that people commit."""

from __future__ import annotations

from pathlib import Path

import pytest

from orchestrator.errors import ConfigurationError, Refused
from orchestrator.packaging.lock.requirement_file import Requirements, read_requirements


def _read(tree: Path, content: str | bytes, **files: str) -> Requirements:
    for name, text in files.items():
        path = tree / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    data = content if isinstance(content, bytes) else content.encode()
    (tree / "requirements.txt").write_bytes(data)
    return read_requirements(tree / "requirements.txt", tree, tree)


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        (b"\xef\xbb\xbfsix\r\nlxml>=5\r\n", ["six", "lxml>=5"]),
        ("six\n".encode("utf-16"), ["six"]),
        (b"# -*- coding: latin-1 -*-\nsix # caf\xe9\n", ["six"]),
        ("six  # why\n#lxml\n\n  \n", ["six"]),
        ("url @ https://x.org/a.zip#sha256=ab\n", ["url @ https://x.org/a.zip#sha256=ab"]),
        (
            "six==1.17.0 \\\n    --hash=sha256:ab \\\n    --hash=sha256:cd\n",
            ["six==1.17.0     --hash=sha256:ab     --hash=sha256:cd"],
        ),
        ("six; python_version >= '3'\n", ["six; python_version >= '3'"]),
        ("moto[s3,sqs]~=5.0\n", ["moto[s3,sqs]~=5.0"]),
        ("six", ["six"]),
        ("-e git+https://x.org/a.git@v1#egg=a\n", ["git+https://x.org/a.git@v1#egg=a"]),
    ],
)
def test_lines_are_read_as_pip_reads_them(tmp_path: Path, content: str | bytes, lines: list[str]) -> None:
    """Marks, encodings, comments, continuations, markers and extras mean what they mean to pip."""
    assert _read(tmp_path, content).lines == lines


def test_included_files_are_flattened(tmp_path: Path) -> None:
    """`-r` and `-c` are relative to their file, and a constraint file never adds a requirement."""
    found = _read(
        tmp_path,
        "-r sub/a.txt\n--requirement=sub/a2.txt\n-csub/c.txt\n",
        sub__a_dot_txt="-r b.txt\nsix\n",
        sub__b_dot_txt="idna",
        sub__a2_dot_txt="attrs",
        sub__c_dot_txt="six<2",
    )
    assert found.lines == ["idna", "six", "attrs"]
    assert found.constraints == ["six<2"]


def test_options_are_understood(tmp_path: Path) -> None:
    """Index options are kept for uv, and options without meaning here are ignored."""
    found = _read(
        tmp_path,
        "-i https://a.org/simple\n--extra-index-url=https://u:p@b.org/simple\n-f wheels\n--pre\n"
        "--trusted-host b.org\n--prefer-binary\n--no-binary lxml,Six\n--use-feature=fast-deps\nsix\n",
        wheels__x="",
    )
    assert found.index[0] == "--index-url https://a.org/simple"
    assert found.index[2].endswith("/wheels")
    assert (found.prereleases, found.insecure_hosts, found.from_source) == (True, ["b.org"], ["lxml", "Six"])
    assert found.lines == ["six"]


@pytest.mark.parametrize(
    "line", [".", "-e .", "-e.[dev]", "./lib", "lib/", "-e ./lib ; python_version>'3'", "lib @ ./lib"]
)
def test_local_projects_are_found(tmp_path: Path, line: str) -> None:
    """The repository's own projects are recognised in every spelling, editable or not."""
    found = _read(tmp_path, f"{line}\n", pyproject_dot_toml="", lib__pyproject_dot_toml="")
    assert [item.path.name for item in found.local] == ["lib" if "lib" in line else tmp_path.name]
    assert found.lines == []


@pytest.mark.parametrize(
    ("content", "error", "said"),
    [
        ("-r missing.txt\n", ConfigurationError, "missing.txt"),
        ("-r ../outside.txt\n", Refused, "outside"),
        ("-r requirements.txt\n", ConfigurationError, "includes itself"),
        ("-e .\n", ConfigurationError, "requirements.txt:1"),
        ("./nothing\n", ConfigurationError, "requirements.txt:1"),
        ("-e ../../..\n", Refused, "outside"),
        ("six\n--frobnicate x\n", ConfigurationError, "requirements.txt:2"),
        ("six --global-option=x\n", ConfigurationError, "--global-option"),
        (b"six\n\xff\xfa\n", ConfigurationError, "UTF-8"),
    ],
)
def test_what_cannot_work_is_named(tmp_path: Path, content: str | bytes, error: type[Exception], said: str) -> None:
    """What cannot be taken is refused with its file and line."""
    with pytest.raises(error) as caught:
        _read(tmp_path, content)
    assert said in str(caught.value)


def test_hashes_make_a_lock(tmp_path: Path) -> None:
    """A file with one hash is a lock, as it is for pip."""
    assert _read(tmp_path, "six==1 --hash=sha256:ab\n").hashed
    assert not _read(tmp_path, "six==1\n").hashed
