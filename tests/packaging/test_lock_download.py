"""Files of a lock from an index that fails in every way."""

from __future__ import annotations

import errno
import hashlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_index import FakeIndex, serving

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, OrchestratorError, Refused
from orchestrator.packaging.lock.credentials import Credentials, credentials_for, public
from orchestrator.packaging.lock.download import bring
from orchestrator.packaging.lock.model import LockedFile
from orchestrator.packaging.lock.web import Web

NAME = "six-1-py3-none-any.whl"


@pytest.fixture
def index(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeIndex]:
    """Give an index with one file of some size."""
    for name in [name for name in os.environ if name.lower().endswith("_proxy")]:
        monkeypatch.delenv(name)
    with serving(FakeIndex(files={NAME: os.urandom(3_000_000)})) as running:
        yield running


def _file(index: FakeIndex, name: str = NAME, **changed: Any) -> LockedFile:
    values = {"name": name, "sha256": index.sha256(name), "url": f"{index.url}/files/{name}", **changed}
    return LockedFile(**values)


def _bring(cache: Path, *files: LockedFile, credentials: Credentials | None = None) -> dict[str, Path]:
    known = credentials or Credentials()
    return bring(files, cache, known, lambda _line: None, web=Web(known, wait=lambda _seconds: None))


def _nothing_half(cache: Path) -> bool:
    return not [path for path in cache.rglob("*") if path.is_file()]


def test_many_files_are_brought_at_once(index: FakeIndex, tmp_path: Path) -> None:
    """Each file lies under its digest with its own name; asking again downloads nothing."""
    for number in range(30):
        index.files[f"p{number}-1-py3-none-any.whl"] = os.urandom(1000 + number)
    files = [_file(index, name, size_bytes=len(content)) for name, content in index.files.items()]
    found = _bring(tmp_path, *files)
    for file in files:
        assert found[file.sha256] == tmp_path / "files" / file.sha256 / file.name
        assert hashlib.sha256(found[file.sha256].read_bytes()).hexdigest() == file.sha256
    index.asked.clear()
    assert _bring(tmp_path, *files) == found
    assert index.asked == []


def test_a_damaged_cache_heals(index: FakeIndex, tmp_path: Path) -> None:
    """What was changed on the disk is noticed and fetched again."""
    path = _bring(tmp_path, _file(index))[index.sha256(NAME)]
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    assert _bring(tmp_path, _file(index))[index.sha256(NAME)].read_bytes() == index.files[NAME]


@pytest.mark.parametrize("script", [["wrong", 200], ["cut", 200], [503, 429, "cut", 500, 200], ["wrong", "cut", 200]])
def test_what_passes_is_tried_again(index: FakeIndex, tmp_path: Path, script: list[Any]) -> None:
    """A wrong, broken or late answer is followed by another attempt."""
    index.script[NAME] = list(script)
    assert _bring(tmp_path, _file(index))[index.sha256(NAME)].read_bytes() == index.files[NAME]
    assert len(list(tmp_path.rglob("*.part"))) == 0


@pytest.mark.parametrize(
    ("script", "error", "said"),
    [
        (["wrong"], Refused, "expected: sha256"),
        ([503], MachineryError, "HTTP 503, 5 times"),
        (["cut"], MachineryError, "5 times"),
        ([404], BuildFailed, "HTTP 404"),
        ([410], BuildFailed, "HTTP 410"),
        ([403], ConfigurationError, "HTTP 403"),
        ([418], BuildFailed, "HTTP 418"),
    ],
)
def test_what_does_not_pass_is_named(
    index: FakeIndex, tmp_path: Path, script: list[Any], error: type[OrchestratorError], said: str
) -> None:
    """Attempts are bounded; the failure names the file, and nothing is left under its name or any other."""
    index.script[NAME] = script
    with pytest.raises(error) as caught:
        _bring(tmp_path, _file(index))
    assert NAME in str(caught.value)
    assert said in str(caught.value)
    assert _nothing_half(tmp_path)


def test_no_more_is_taken_than_the_lock_says(index: FakeIndex, tmp_path: Path) -> None:
    """A file that is longer than the lock knows is not the file, and is not read to its end."""
    with pytest.raises(Refused, match="six"):
        _bring(tmp_path, _file(index, size_bytes=10))
    assert _nothing_half(tmp_path)


def test_a_host_out_of_reach_is_nobodys_fault(tmp_path: Path) -> None:
    """Retrying is safe when there is no connection."""
    with pytest.raises(MachineryError, match=r"127\.0\.0\.1"):
        _bring(tmp_path, LockedFile("x.whl", "0" * 64, "http://127.0.0.1:9/x.whl"))


def test_a_full_disk_leaves_nothing(index: FakeIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """When the disk fills up, the failure says so and no part of a file stays."""

    def full(*_arguments: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(MachineryError, match="cannot keep") as caught:
        _bring(tmp_path, _file(index))
    assert "No space left" in caught.value.detail
    assert _nothing_half(tmp_path)


def test_two_processes_share_a_cache(index: FakeIndex, tmp_path: Path) -> None:
    """Whoever comes first, both end with whole files."""
    code = (
        "import sys; from pathlib import Path; from orchestrator.packaging.lock.download import bring;"
        "from orchestrator.packaging.lock.credentials import Credentials;"
        "from orchestrator.packaging.lock.model import LockedFile;"
        "bring([LockedFile(*sys.argv[2:5])], Path(sys.argv[1]), Credentials(), print)"
    )
    file = _file(index)
    arguments = [sys.executable, "-c", code, str(tmp_path), file.name, file.sha256, str(file.url)]
    running = [subprocess.Popen(arguments) for _ in range(3)]
    assert [process.wait(60) for process in running] == [0, 0, 0]
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == [NAME]


def test_files_of_the_repository_are_checked(tmp_path: Path) -> None:
    """A file by its path is used where it lies, if it is the one of the lock."""
    path = tmp_path / "own.whl"
    path.write_bytes(b"x")
    digest = hashlib.sha256(b"x").hexdigest()
    assert _bring(tmp_path, LockedFile("own.whl", digest, path=path)) == {digest: path}
    with pytest.raises(Refused, match=r"own\.whl"):
        _bring(tmp_path, LockedFile("own.whl", "0" * 64, path=path))
    with pytest.raises(ConfigurationError):
        _bring(tmp_path, LockedFile("gone.whl", digest, path=tmp_path / "gone.whl"))


def test_a_password_does_not_follow_a_redirect(index: FakeIndex, tmp_path: Path) -> None:
    """A login is sent to its own host, also if that host sends us to another one."""
    with serving(FakeIndex(login="robot:s3cret", redirect=index.url)) as private:
        credentials = credentials_for([private.url.replace("://", "://robot:s3cret@")], {})
        file = _file(index, url=f"{private.url}/files/{NAME}")
        found = _bring(tmp_path, file, credentials=credentials)
    assert found[file.sha256].read_bytes() == index.files[NAME]
    assert [bool(header) for _, header in private.asked] == [True]
    assert [bool(header) for _, header in index.asked] == [False]
    assert "s3cret" not in repr(credentials)


def test_passwords_are_found_where_people_keep_them(tmp_path: Path) -> None:
    """In the URL, in uv's variables of a named index, in netrc; the first of these wins, for that host alone."""
    (tmp_path / "netrc").write_text(
        "machine pkg.example.org login n password p\nmachine b.example.org login x password y\n"
    )
    environ = {
        "UV_INDEX": "corp=https://b.example.org/simple https://u:w@c.example.org/simple",
        "UV_INDEX_CORP_USERNAME": "b",
        "UV_INDEX_CORP_PASSWORD": "b2",
        "NETRC": str(tmp_path / "netrc"),
    }
    known = credentials_for(["https://a%40x:p%2F@a.example.org/simple"], environ)
    assert {origin[1]: pair for origin, pair in known.known.items()} == {
        "a.example.org": ("a@x", "p/"),
        "b.example.org": ("b", "b2"),
        "c.example.org": ("u", "w"),
        "pkg.example.org": ("n", "p"),
    }
    assert known.header("https://a.example.org/f.whl")
    for other in ("http://a.example.org/f", "https://a.example.org:8443/f", "https://x.a.example.org/f"):
        assert known.header(other) == {}


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://u:p@x.org/a?b#c", "https://x.org/a?b#c"),
        ("https://u:p@ss@x.org:8443/a", "https://x.org:8443/a"),
        ("ssh://git@x.org/a", "ssh://git@x.org/a"),
        ("git+ssh://git:pw@x.org/a", "git+ssh://git@x.org/a"),
        ("https://x.org/a@b", "https://x.org/a@b"),
    ],
)
def test_no_password_stays_in_a_url(url: str, shown: str) -> None:
    """What is written down or printed has no login in it; the user name of SSH is no secret and needed."""
    assert public(url) == shown
