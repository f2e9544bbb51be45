"""A package on its way from S3 to the disk: what breaks, what is resumed, and what is never left behind."""

from __future__ import annotations

import hashlib
import io
import re
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError, FlexibleChecksumError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.effects import aws, download
from orchestrator.effects.download import Wanted
from orchestrator.effects.store import S3Store
from orchestrator.errors import ConfigurationError, Gone, MachineryError, OrchestratorError, Refused
from orchestrator.patience import Patience

REGION = "eu-central-1"
ACCOUNT = "123456789012"
CONTENT = bytes(range(256)) * 16
SHA256 = hashlib.sha256(CONTENT).hexdigest()
NAMED = {"Bucket": "b", "Key": "k", "ExpectedBucketOwner": ACCOUNT, "VersionId": "v1"}


class Body(io.BytesIO):
    """A stream that breaks after so many bytes."""

    def __init__(self, content: bytes, breaks_at: int | None, error: Exception) -> None:
        super().__init__(content)
        self.breaks_at, self.error = breaks_at, error

    def iter_chunks(self, size: int) -> Any:
        whole = self.getvalue()
        sent = whole if self.breaks_at is None else whole[: self.breaks_at]
        for start in range(0, len(sent), 100):
            yield sent[start : start + 100]
        if self.breaks_at is not None:
            raise self.error


class S3:
    """An object of S3 that knows ranges (or not), and whose connections break where the test says."""

    def __init__(self, *breaks: int | None, ranges: bool = True, error: Exception | None = None) -> None:
        self.breaks, self.ranges = list(breaks), ranges
        self.error = error or ReadTimeoutError(endpoint_url="x")
        self.content, self.tag = CONTENT, '"e1"'
        self.asked: list[dict[str, str]] = []

    def get_object(self, **asked: str) -> dict[str, Any]:
        self.asked.append(asked)
        start = 0
        if "Range" in asked and self.ranges:
            if asked["IfMatch"] != self.tag:
                raise ClientError({"Error": {"Code": "PreconditionFailed"}}, "GetObject")
            start = int(re.fullmatch(r"bytes=(\d+)-", asked["Range"])[1])  # type: ignore[index]
        broken = self.breaks.pop(0) if self.breaks else None
        partial = {"ContentRange": f"bytes {start}-{len(self.content) - 1}/{len(self.content)}"} if start else {}
        return {"Body": Body(self.content[start:], broken, self.error), "ETag": self.tag, **partial}


def fetch(s3: S3, target: Path, size: int = len(CONTENT), sha256: str = SHA256) -> list[float]:
    """Download; return the pauses."""
    pauses: list[float] = []
    download.download(s3, Wanted(NAMED, size, sha256), target, Patience(sleep=pauses.append))
    return pauses


@given(st.lists(st.integers(0, len(CONTENT)), max_size=6), st.booleans())
def test_wherever_connections_break_it_arrives_whole_or_not_at_all(
    tmp_path_factory: pytest.TempPathFactory, breaks: list[int], ranges: bool
) -> None:
    """Up to four breaks are taken up where they were, also behind a proxy without ranges; the fifth ends with 3."""
    folder = tmp_path_factory.mktemp("d")
    s3 = S3(*breaks, ranges=ranges)
    try:
        fetch(s3, folder / "package.zip")
    except MachineryError as error:
        assert error.exit_code == 3
        assert len(s3.asked) == 5
        assert list(folder.iterdir()) == []
    else:
        assert (folder / "package.zip").read_bytes() == CONTENT
        assert len(list(folder.iterdir())) == 1
    assert all(NAMED.items() <= asked.items() for asked in s3.asked)


def test_only_the_rest_is_asked_for_again(tmp_path: Path) -> None:
    """After a break the same version of the same object goes on at the first byte that is missing."""
    s3 = S3(1000, 500)
    assert len(fetch(s3, tmp_path / "p")) == 2
    assert [asked.get("Range") for asked in s3.asked] == [None, "bytes=1000-", "bytes=1500-"]
    assert [asked.get("IfMatch") for asked in s3.asked] == [None, '"e1"', '"e1"']
    assert (tmp_path / "p").read_bytes() == CONTENT


def test_an_object_that_is_replaced_on_the_way_is_refused(tmp_path: Path) -> None:
    """The second half of another object is never glued to the first half of this one."""
    s3 = S3(1000)

    def replace(_seconds: float) -> None:
        s3.tag, s3.content = '"e2"', b"evil" * 1024

    with pytest.raises(Refused, match="not what its manifest says") as caught:
        download.download(s3, Wanted(NAMED, len(CONTENT), SHA256), tmp_path / "p", Patience(sleep=replace))
    assert (caught.value.exit_code, list(tmp_path.iterdir())) == (5, [])


def test_a_wrong_checksum_on_the_way_begins_again(tmp_path: Path) -> None:
    """Bytes that S3's own checksum does not fit are thrown away, not continued."""
    error = FlexibleChecksumError(error_msg="x")
    s3 = S3(4096, error=error)
    fetch(s3, tmp_path / "p")
    assert [asked.get("Range") for asked in s3.asked] == [None, None]


@pytest.mark.parametrize(
    ("code", "kind", "words"),
    [
        ("NoSuchKey", Gone, "does not exist"),
        ("NoSuchVersion", Gone, "does not exist"),
        ("404", Gone, "does not exist"),
        ("MethodNotAllowed", Gone, "does not exist"),
        ("AccessDenied", ConfigurationError, "s3:ListBucket"),
        ("403", ConfigurationError, "s3:ListBucket"),
        ("SlowDown", MachineryError, "SlowDown"),
    ],
)
def test_gone_and_denied_are_told_apart(tmp_path: Path, code: str, kind: type[OrchestratorError], words: str) -> None:
    """What has expired is built again; what may not be read is a matter of the role, and may have expired, too."""

    def refuse(**_asked: str) -> None:
        raise ClientError({"Error": {"Code": code}}, "GetObject")

    s3 = S3()
    s3.get_object = refuse  # type: ignore[method-assign,assignment]
    with pytest.raises(kind) as caught:
        fetch(s3, tmp_path / "p")
    assert type(caught.value) is kind
    assert words in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_says_how_much_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No room ends with 3 and the number of bytes, and leaves nothing half."""

    class Full(io.BytesIO):
        def write(self, _content: Any) -> int:
            raise OSError(28, "No space left on device")

    monkeypatch.setattr(download.os, "fdopen", lambda *_: Full())
    with pytest.raises(MachineryError, match="cannot write") as caught:
        fetch(S3(), tmp_path / "p")
    assert "4096 bytes are needed" in caught.value.detail
    assert list(tmp_path.iterdir()) == []


def test_the_emulator_resumes_like_s3(bucket: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Range, If-Match and VersionId mean what the download takes them to mean, by botocore and a real answer."""
    client = aws.client("s3", REGION)
    content = CONTENT * 1000
    version = client.put_object(Bucket=bucket, Key="k", Body=content)["VersionId"]
    client.put_object(Bucket=bucket, Key="k", Body=b"newer")
    honest = download._Copy.go_on
    breaks = [True, True, False]

    def cut(copy: Any, s3: Any) -> None:
        if not breaks.pop(0):
            return honest(copy, s3)
        answer = copy._ask(s3)
        copy.tag = answer["ETag"]
        piece = answer["Body"].read(300_000)
        copy.seen += len(piece)
        copy.digest.update(piece)
        copy.stream.write(piece)
        raise ConnectionResetError

    monkeypatch.setattr(download._Copy, "go_on", cut)
    store = S3Store(bucket, ACCOUNT, region=REGION, patience=Patience(sleep=lambda _: None))
    target = tmp_path / "p"
    store.download("k", version, target, size_bytes=len(content), sha256=hashlib.sha256(content).hexdigest())
    assert target.read_bytes() == content
