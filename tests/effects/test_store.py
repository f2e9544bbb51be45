"""S3: nothing is overwritten, and nothing half or foreign appears under a final name."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from instant import Instant

from orchestrator.effects import aws
from orchestrator.effects.store import S3Store, caller_account
from orchestrator.errors import ConfigurationError, MachineryError, OrchestratorError, Refused

REGION = "eu-central-1"
ACCOUNT = "123456789012"

content_or_not = st.binary(max_size=3000) | st.integers(0, 3).map(lambda count: b"\x00chunk" * count * 400_000)


def digest(content: bytes) -> str:
    """Return the SHA-256 in hex."""
    return hashlib.sha256(content).hexdigest()


def store(bucket: str, **changes: Any) -> S3Store:
    """Return the store of a bucket, which does not wait between its attempts."""
    return S3Store(bucket, changes.get("account", ACCOUNT), region=REGION, patience=Instant().patience)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(content_or_not, st.integers(-2, 2), st.booleans())
def test_a_download_is_exactly_the_object_or_nothing(
    bucket: str, tmp_path: Path, content: bytes, more: int, honest: bool
) -> None:
    """Whatever its bytes and size, an object arrives whole, or, if it is not as promised, no file is left."""
    folder = tmp_path / digest(content)[:12]
    key = f"objects/{digest(content)}"
    store(bucket).put_new(key, content, sha256=digest(content))
    expected = digest(content) if honest else "0" * 64
    target = folder / "package.zip"
    target.unlink(missing_ok=True)
    if honest and more == 0:
        store(bucket).download(key, None, target, size_bytes=len(content), sha256=expected)
        assert target.read_bytes() == content
        assert list(folder.iterdir()) == [target]
    else:
        with pytest.raises(Refused):
            store(bucket).download(key, None, target, size_bytes=len(content) + more, sha256=expected)
        assert list(folder.iterdir()) == []


def test_a_refused_download_leaves_what_was_there(bucket: str, tmp_path: Path) -> None:
    """A package that was brought home before survives a later one that is not what it claims."""
    target = tmp_path / "package.zip"
    target.write_bytes(b"good")
    store(bucket).put_new("key", b"other", sha256=digest(b"other"))
    with pytest.raises(Refused):
        store(bucket).download("key", None, target, size_bytes=5, sha256="0" * 64)
    assert target.read_bytes() == b"good"


def test_the_version_that_was_verified_is_downloaded(bucket: str, tmp_path: Path) -> None:
    """An object that somebody puts over the package later changes nothing: its version is named."""
    client = aws.client("s3", REGION)
    version = client.put_object(Bucket=bucket, Key="key", Body=b"mine")["VersionId"]
    client.put_object(Bucket=bucket, Key="key", Body=b"evil")
    store(bucket).download("key", version, tmp_path / "p", size_bytes=4, sha256=digest(b"mine"))
    with pytest.raises(Refused):
        store(bucket).download("key", None, tmp_path / "q", size_bytes=4, sha256=digest(b"mine"))
    assert [path.name for path in tmp_path.iterdir()] == ["p"]


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=50), st.binary(max_size=50))
def test_nothing_is_ever_overwritten(bucket: str, first: bytes, second: bytes) -> None:
    """The first content of a key stays; the same again is fine, another is refused."""
    key = f"once/{digest(first + b'|' + second)}"
    store(bucket).put_new(key, first, sha256=digest(first))
    if first == second:
        assert store(bucket).put_new(key, second, sha256=digest(second)) is False
    else:
        with pytest.raises(Refused, match="already holds something else"):
            store(bucket).put_new(key, second, sha256=digest(second))
    assert store(bucket).read(key, limit_bytes=100) == first


def test_a_file_is_stored_like_its_bytes(bucket: str, tmp_path: Path) -> None:
    """A snapshot that lies on the disk is stored whole, and known the second time."""
    file = tmp_path / "snapshot"
    file.write_bytes(b"archive" * 100_000)
    assert store(bucket).put_new("key", file, sha256="a" * 64) is True
    assert store(bucket).put_new("key", file, sha256="a" * 64) is False
    assert store(bucket).read("key", limit_bytes=10**6) == file.read_bytes()


def test_an_object_without_a_digest_is_not_believed(bucket: str) -> None:
    """What somebody put under our key by other means is refused, even if the bytes would be the same."""
    aws.client("s3", REGION).put_object(Bucket=bucket, Key="key", Body=b"x")
    with pytest.raises(Refused, match="already holds"):
        store(bucket).put_new("key", b"x", sha256=digest(b"x"))


@pytest.mark.parametrize("same", [False, True], ids=["different content", "same content"])
def test_of_many_writers_one_wins(bucket: str, same: bool) -> None:
    """Pipelines that store one key at once: one stores it, equal ones are content, different ones are refused."""
    outcomes: list[Any] = []
    start = threading.Barrier(6)

    def write(number: int) -> None:
        content = b"same" if same else f"writer {number}".encode()
        start.wait()
        try:
            outcomes.append(store(bucket).put_new("key", content, sha256=digest(content)))
        except Refused as error:
            outcomes.append(error)

    threads = [threading.Thread(target=write, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert outcomes.count(True) == 1
    assert len(outcomes) == 6
    assert all(
        outcome is False if same else isinstance(outcome, Refused) for outcome in outcomes if outcome is not True
    )


def test_a_bucket_of_somebody_else_is_refused(bucket: str, tmp_path: Path) -> None:
    """Nothing is read from or written to a bucket that another account owns."""
    foreign = store(bucket, account="999999999999")
    with pytest.raises(Refused) as caught:
        foreign.check_owner()
    assert caught.value.exit_code == 5
    with pytest.raises(OrchestratorError):
        foreign.put_new("key", b"x", sha256=digest(b"x"))
    assert not store(bucket).exists("key")


def test_a_bucket_that_does_not_exist_is_named(world: object) -> None:
    """A missing bucket is a matter of configuration, with a hint."""
    with pytest.raises(ConfigurationError, match="no-such-bucket-anywhere") as caught:
        store("no-such-bucket-anywhere").check_owner()
    assert caught.value.hint


def test_an_expired_object_says_what_to_do(bucket: str, tmp_path: Path) -> None:
    """A package that the lifecycle has removed ends with 2 and the advice to build again."""
    for bring in (
        lambda: store(bucket).read("gone", limit_bytes=10),
        lambda: store(bucket).download("gone", None, tmp_path / "x", size_bytes=1, sha256="0" * 64),
    ):
        with pytest.raises(ConfigurationError, match="does not exist") as caught:
            bring()
        assert "build the commit again" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_without_end_is_not_read(bucket: str) -> None:
    """An object over the limit is refused instead of read into memory."""
    store(bucket).put_new("key", b"x" * 101, sha256="a" * 64)
    with pytest.raises(Refused, match="too large"):
        store(bucket).read("key", limit_bytes=100)


def test_a_place_that_takes_no_file_is_the_users_to_correct(bucket: str, tmp_path: Path) -> None:
    """An output below a file, or a folder under the final name, ends with 2 and leaves nothing behind."""
    store(bucket).put_new("key", b"x", sha256=digest(b"x"))
    (tmp_path / "file").touch()
    (tmp_path / "package.zip" / "sub").mkdir(parents=True)
    for target in (tmp_path / "file" / "package.zip", tmp_path / "package.zip"):
        with pytest.raises(ConfigurationError, match="cannot write"):
            store(bucket).download("key", None, target, size_bytes=1, sha256=digest(b"x"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "package.zip"]


def test_the_account_is_that_of_the_credentials(world: object) -> None:
    """The owner that buckets must have is the account of the caller."""
    assert caller_account(REGION, Instant().patience) == ACCOUNT


def test_a_broken_connection_is_tried_again(
    scripted: Callable[..., Any], answer: Callable[..., bytes], tmp_path: Path
) -> None:
    """Two truncated downloads and a good one give the package."""
    content = b"x" * 2_000_000
    cut = answer(200, content[:1_500_000], length=len(content))
    server = scripted(cut, cut, answer(200, content))
    target = tmp_path / "package.zip"
    store("bucket").download("key", None, target, size_bytes=len(content), sha256=digest(content))
    assert target.read_bytes() == content
    assert len(server.requests) == 3
    assert list(tmp_path.iterdir()) == [target]


@pytest.mark.parametrize("sent", [0, 10, 1_500_000])
def test_a_connection_that_always_breaks_is_given_up(
    scripted: Callable[..., Any], answer: Callable[..., bytes], tmp_path: Path, sent: int
) -> None:
    """After five broken attempts the stage ends with 3, which may be retried, and no file is left."""
    server = scripted(answer(200, b"x" * sent, length=2_000_000))
    with pytest.raises(MachineryError) as caught:
        store("bucket").download("key", None, tmp_path / "p", size_bytes=2_000_000, sha256="0" * 64)
    assert caught.value.exit_code == 3
    assert len(server.requests) == 5
    assert list(tmp_path.iterdir()) == []


def test_a_manifest_whose_connection_breaks_is_read_again(
    scripted: Callable[..., Any], answer: Callable[..., bytes]
) -> None:
    """A truncated manifest is never taken for a whole one."""
    scripted(answer(200, b"{", length=9), answer(200, b"manifest!"))
    assert store("bucket").read("key", limit_bytes=100) == b"manifest!"


def test_conflicting_writes_are_tried_again(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """A write that crosses another one, or meets what is gone a moment later, is repeated."""
    conflict = answer(409, b"<Error><Code>ConditionalRequestConflict</Code></Error>")
    server = scripted(conflict, conflict, answer(412), answer(404), answer(200, ETag='"1"'))
    assert store("bucket").put_new("key", b"x", sha256=digest(b"x")) is True
    assert len(server.requests) == 5


@pytest.mark.parametrize(
    ("status", "code", "exit_code"),
    [
        (403, "AccessDenied", 2),
        (403, "InvalidAccessKeyId", 2),
        (403, "SignatureDoesNotMatch", 2),
        (400, "ExpiredToken", 3),
        (503, "SlowDown", 3),
        (500, "InternalError", 3),
        (404, "NoSuchKey", 2),
        (400, "SomethingNew", 3),
    ],
)
def test_every_answer_has_its_exit_code(
    scripted: Callable[..., Any], answer: Callable[..., bytes], status: int, code: str, exit_code: int
) -> None:
    """What S3 says becomes a message with a hint and the right exit code, and never holds the secret key."""
    scripted(answer(status, f"<Error><Code>{code}</Code><Message>no</Message></Error>".encode()))
    with pytest.raises(OrchestratorError) as caught:
        store("bucket").read("key", limit_bytes=10)
    assert caught.value.exit_code == exit_code
    assert caught.value.hint
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    ("settings_", "exit_code"),
    [
        ({"AWS_PROFILE": "no-such-profile"}, 2),
        ({"AWS_ENDPOINT_URL": "no url"}, 2),
        ({"AWS_ENDPOINT_URL": "http://127.0.0.1:9"}, 3),
        ({"AWS_CONFIG_FILE": __file__}, 2),
    ],
)
def test_a_machine_that_cannot_ask_says_why(
    scripted: Callable[..., Any], answer: Callable[..., bytes], settings_: dict[str, str], exit_code: int
) -> None:
    """A wrong profile, endpoint or configuration file is named, instead of being a bug of ours."""
    scripted(answer(500), **settings_)
    with pytest.raises(OrchestratorError) as caught:
        store("bucket").check_owner()
    assert caught.value.exit_code == exit_code
    assert caught.value.hint


def test_of_two_who_replace_the_same_version_one_wins(bucket: str) -> None:
    """An object that may change is replaced by its tag: nobody overwrites what he has not seen."""
    here, key = store(bucket), "handback/demo/1.json"
    assert here.read_tagged(key, limit_bytes=10) is None
    assert not here.replace(key, b"lost", tag='"0123456789abcdef0123456789abcdef"')
    assert here.replace(key, b"first", tag=None)
    assert not here.replace(key, b"second", tag=None)
    found = here.read_tagged(key, limit_bytes=10)
    assert found is not None
    assert found.content == b"first"
    assert here.replace(key, b"third", tag=found.tag)
    assert not here.replace(key, b"fourth", tag=found.tag)
    with pytest.raises(Refused, match="too large"):
        here.read_tagged(key, limit_bytes=4)
