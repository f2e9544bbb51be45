"""Guarantees about names of branches and tags."""

from __future__ import annotations

import csv
import os
import shlex
import subprocess
from pathlib import Path

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from orchestrator.config import check_ref
from orchestrator.errors import Refused

BESIDE = Path(__file__).resolve().parents[3] / "shared" / "data"
# Every other name of the collection has to be refused.
ACCEPTED = {
    "feature/a", "main", "null", "true", "é", "pipelines/1", "feature-a", "a@b", "a+b", "deadbeef", "Feature/A",
    "1e5", "merge-requests/1/head", "a" * 240,
}  # fmt: skip


def accepts(name: str) -> bool:
    """Tell the verdict on a name."""
    try:
        return check_ref(name) == name
    except Refused as error:
        assert error.exit_code == 5
        assert error.detail
        assert error.hint
        assert str(error).replace("\n", "").isprintable()
        return False


def test_every_collected_name_has_a_verdict() -> None:
    """The collected names that attacks and accidents have used are refused, ordinary ones are accepted."""
    path = Path(os.environ.get("ORCHESTRATOR_SHARED_DATA") or BESIDE) / "refs.tsv"
    if not path.is_file():
        assert os.environ.get("CI") != "true", f"{path} is missing"
        return
    with path.open(encoding="utf-8", newline="") as file:
        names = [row["ref"] for row in csv.DictReader(file, delimiter="\t")]
    # The collection writes what is not ASCII, and control characters, as Python escapes.
    names = [name.encode("latin-1", "backslashreplace").decode("unicode_escape") for name in names]
    assert len(names) > 50
    assert {name for name in names if accepts(name)} == ACCEPTED & set(names)


@pytest.mark.parametrize("name", sorted(ACCEPTED | {"v1.2.3", "release/2024.01", "日本語", "дом/ключ", "a/b/c"}))
def test_ordinary_names_are_accepted(name: str) -> None:
    """Names that people use, in any script, pass unchanged."""
    assert check_ref(name) == name


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("prod/db,type=SECRETS_MANAGER", "character `','` at position 8"),
        ("x\u202ey", "character `U+202E` (RIGHT-TO-LEFT OVERRIDE) at position 2"),
        ("x\u200b", "`U+200B`"),
        ("x\u3000y", "`U+3000`"),
        ("\u3164", "`U+3164`"),
        ("e\u0301", "`U+0301`"),
        ("\ufdfa", "`U+FDFA`"),
        ("x\ud800", "`U+D800`"),
        ("a\0b", "`U+0000`"),
        ("a\nb", "`U+000A`"),
        ("a b", "`' '` at position 2"),
        ("x;id", "`';'`"),
        ("x$(id)", "`'$'`"),
        ("a`id`", '"`"'),
        ("file://x", "`':'`"),
        ("", "it is empty"),
        ("-x", "begins with `-`"),
        ("--upload-pack+x", "begins with `-`"),
        ("a..b", "it holds `..`"),
        ("a/.b", "a part of it begins with `.`"),
        ("a.lock/b", "a part of it ends with `.lock`"),
        ("a.LOCK", "a part of it ends with `.lock`"),
        ("/a", "it begins or ends with `/`"),
        ("a/", "it begins or ends with `/`"),
        ("a//b", "it begins or ends with `/`"),
        ("@", "checked out"),
        ("HEAD", "checked out"),
        ("refs/heads/main", "begins with `refs/`"),
        ("0123456789abcdef" * 2 + "01234567", "digest of a commit"),
        ("0123456789ABCDEF" * 4, "digest of a commit"),
        ("a" * 245, "longer than 244 bytes"),
        ("é" * 123, "longer than 244 bytes"),
        ("\u212b", "normal form NFC"),
    ],
)
def test_a_refusal_says_what_is_wrong(name: str, told: str) -> None:
    """The offending character or rule is named; invisible characters by number."""
    with pytest.raises(Refused) as caught:
        check_ref(name)
    assert told in caught.value.detail
    assert not accepts(name)


names = st.text(alphabet="ab1A._-/+@éß日#=", min_size=1, max_size=20) | st.text(min_size=1, max_size=12)


@given(name=names)
@settings(max_examples=300, deadline=None)
def test_an_accepted_name_is_a_branch_for_git_and_plain_text_for_a_shell(name: str) -> None:
    """What we accept git accepts as a branch, and no shell sees anything special in it."""
    assume(accepts(name))
    run = subprocess.run(["git", "check-ref-format", "--branch", name], capture_output=True, check=False)
    assert run.returncode == 0
    assert run.stdout.decode().rstrip("\n") == name
    visible = "".join(character if character.isascii() else "x" for character in name)
    assert shlex.split(visible, comments=True) == [visible]
    assert shlex.quote(visible) == visible
    assert not set(name) & set("|&;<>()$`\\\"' \t\n*?[]#~=%!{}^,:")


@given(name=names)
def test_any_name_gets_a_printable_verdict(name: str) -> None:
    """No name makes anything but a verdict, and the message is safe on a terminal."""
    accepts(name)
