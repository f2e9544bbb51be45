"""The S3 buckets of an account as a whole: made, looked through, emptied, removed. Each call names the owner."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, error_code, patient
from orchestrator.errors import Refused
from orchestrator.patience import Patience

_GONE = {"404", "NoSuchBucket"}
_ABSENT = {"404", "NoSuchKey", "NoSuchBucket"}
_FOREIGN = {"403", "AccessDenied", "BucketAlreadyExists"}
_LIMIT_BYTES = 64 * 1024 * 1024


class AccountBuckets:
    """The buckets of one account in one region."""

    def __init__(self, account: str, region: str, patience: Patience | None = None) -> None:
        self._account, self._region = account, region
        self._s3 = patient("s3", region, patience or Patience())

    def exists(self, bucket: str) -> bool:
        """Tell whether the account has the bucket; raises `Refused` when somebody else has it."""
        with aws_errors(f"cannot look at the bucket `{bucket}`"):
            try:
                self._s3.head_bucket(**self._owned(bucket))
            except ClientError as error:
                if error_code(error) in _GONE:
                    return False
                self._explain(bucket, error)
                raise
        return True

    def make(self, bucket: str) -> None:
        """Make a private bucket; one that the account has already stays as it is."""
        # us-east-1 is what S3 means by no place at all (S3 API: CreateBucket).
        place: dict[str, Any] = {"CreateBucketConfiguration": {"LocationConstraint": self._region}}
        with aws_errors(f"cannot make the bucket `{bucket}`"):
            try:
                self._s3.create_bucket(
                    Bucket=bucket,
                    ObjectOwnership="BucketOwnerEnforced",
                    **({} if self._region == "us-east-1" else place),
                )
            except ClientError as error:
                if error_code(error) == "BucketAlreadyOwnedByYou":
                    return
                self._explain(bucket, error)
                raise

    def keys(self, bucket: str) -> Sequence[str]:
        """Return the keys of everything in the bucket, old versions included, each once; none without a bucket."""
        return list(dict.fromkeys(one["Key"] for page in self._pages(bucket) for one in page))

    def read(self, bucket: str, key: str) -> bytes | None:
        """Return an object of at most 64 MiB, None when there is none under the key now."""
        with aws_errors(f"cannot read `s3://{bucket}/{key}`"):
            try:
                body = self._s3.get_object(**self._owned(bucket), Key=key)["Body"]
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return None
                raise
            with closing(body):
                content: bytes = body.read(_LIMIT_BYTES + 1)
        if len(content) > _LIMIT_BYTES:
            raise Refused(f"`s3://{bucket}/{key}` is too large", detail=f"observed: more than {_LIMIT_BYTES} bytes")
        return content

    def empty(self, bucket: str, prefix: str = "") -> int:
        """Delete every version of everything in the bucket, or below a prefix, for good; return how many versions."""
        count = 0
        for page in self._pages(bucket, prefix):
            wanted = {"Objects": page, "Quiet": True}
            with aws_errors(f"cannot empty the bucket `{bucket}`"):
                answer = self._s3.delete_objects(**self._owned(bucket), Delete=wanted)
            for refused in answer.get("Errors", [])[:1]:
                raise Refused(
                    f"cannot empty the bucket `{bucket}`",
                    detail=f"S3 answered `{refused.get('Code')}` for `{refused.get('Key')}`",
                    hint="allow `s3:DeleteObject` and `s3:DeleteObjectVersion`, and run it again",
                )
            count += len(page)
        return count

    def remove(self, bucket: str) -> None:
        """Delete an empty bucket; one that is gone already is no failure."""
        with aws_errors(f"cannot remove the bucket `{bucket}`"):
            try:
                self._s3.delete_bucket(**self._owned(bucket))
            except ClientError as error:
                if error_code(error) not in _GONE:
                    raise

    def _owned(self, bucket: str) -> dict[str, str]:
        return {"Bucket": bucket, "ExpectedBucketOwner": self._account}

    def _pages(self, bucket: str, prefix: str = "") -> Iterator[list[dict[str, str]]]:
        """Give keys with their versions, up to 1,000 at a time; a deletion is a version, too."""
        more: dict[str, str] = {}
        while True:
            with aws_errors(f"cannot look into the bucket `{bucket}`"):
                try:
                    page = self._s3.list_object_versions(**self._owned(bucket), Prefix=prefix, **more)
                except ClientError as error:
                    if error_code(error) in _GONE:
                        return
                    raise
            found = [*page.get("Versions", []), *page.get("DeleteMarkers", [])]
            if found:
                yield [{"Key": one["Key"], "VersionId": one["VersionId"]} for one in found]
            if not page.get("IsTruncated"):
                return
            more = {"KeyMarker": page["NextKeyMarker"], "VersionIdMarker": page.get("NextVersionIdMarker") or ""}

    def _explain(self, bucket: str, error: ClientError) -> None:
        if error_code(error) in _FOREIGN:
            raise Refused(
                f"the bucket name `{bucket}` is taken",
                detail=f"observed: S3 denies it as a bucket of account {self._account}\n"
                "expected: a name that nobody else has taken, and the permission s3:ListBucket",
                hint="name another one: `artifacts.bucket` in orchestrator.yml, or `state: {bucket: …}` or "
                "`artifacts: {bucket: …}` in platform.yml",
            ) from error
