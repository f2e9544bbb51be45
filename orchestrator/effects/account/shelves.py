"""S3, for those who look after a bucket: what lies in it, and deleting for good."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from typing import Any

from orchestrator.effects.aws import aws_errors, patient
from orchestrator.errors import MachineryError
from orchestrator.patience import Patience
from orchestrator.records import StoredObject

# DeleteObjects takes up to 1000 objects (S3 API).
_BATCH = 1000
_SHOWN_FAILURES = 5


class S3Shelves:
    """One bucket. Every call names the account that must own it, so a re-created bucket loses nothing."""

    def __init__(self, bucket: str, account: str, *, region: str, patience: Patience | None = None) -> None:
        self.bucket = bucket
        self._owner = {"Bucket": bucket, "ExpectedBucketOwner": account}
        self._s3 = patient("s3", region, patience or Patience())

    def below(self, prefix: str) -> Iterator[StoredObject]:
        """Give the objects whose keys begin with a prefix, in the order of their keys."""
        page: dict[str, str] = {}
        while True:
            with aws_errors(f"cannot list `s3://{self.bucket}/{prefix}`"):
                answer = self._s3.list_objects_v2(**self._owner, Prefix=prefix, **page)
            for item in answer.get("Contents", []):
                yield StoredObject(item["Key"], int(item["Size"]), item["LastModified"])
            if not answer.get("NextContinuationToken"):
                return
            page = {"ContinuationToken": answer["NextContinuationToken"]}

    def erase(self, keys: Sequence[str]) -> int:
        """Delete objects with all of their versions, in the order of the keys; return the bytes that were freed.

        A version that stays would be paid for until the bucket lets it expire. Raises `MachineryError` for what S3
        does not delete, after it was asked for all of the batch.
        """
        freed = 0
        sizes = self._versions(keys)
        versions = [(key, version) for key in keys for version in sizes.get(key, {})]
        for first in range(0, len(versions), _BATCH):
            batch = versions[first : first + _BATCH]
            self._delete(batch)
            freed += sum(sizes[key][version] for key, version in batch)
        return freed

    def _versions(self, keys: Sequence[str]) -> dict[str, dict[str, int]]:
        """Return the versions of the objects with their sizes; a mark of a deletion has none."""
        found: dict[str, dict[str, int]] = defaultdict(dict)
        wanted = set(keys)
        # Versions are listed by prefix: the objects of one package lie side by side.
        for folder in dict.fromkeys(f"{key.rpartition('/')[0]}/" for key in keys):
            for item in self._listed_versions(folder):
                if item["Key"] in wanted:
                    found[item["Key"]][item["VersionId"]] = int(item.get("Size", 0))
        return found

    def _listed_versions(self, prefix: str) -> Iterator[dict[str, Any]]:
        page: dict[str, str] = {}
        while True:
            with aws_errors(f"cannot list the versions of `s3://{self.bucket}/{prefix}`"):
                answer = self._s3.list_object_versions(**self._owner, Prefix=prefix, **page)
            yield from answer.get("Versions", [])
            yield from answer.get("DeleteMarkers", [])
            if not answer.get("IsTruncated"):
                return
            page = {"KeyMarker": answer["NextKeyMarker"], "VersionIdMarker": answer.get("NextVersionIdMarker", "")}

    def _delete(self, versions: Sequence[tuple[str, str]]) -> None:
        objects = [{"Key": key, "VersionId": version} for key, version in versions]
        with aws_errors(f"cannot delete objects of `s3://{self.bucket}`"):
            answer = self._s3.delete_objects(**self._owner, Delete={"Objects": objects, "Quiet": True})
        failed = [f"{item.get('Key')}: {item.get('Code')} {item.get('Message')}" for item in answer.get("Errors", [])]
        if failed:
            more = len(failed) - _SHOWN_FAILURES
            shown = failed[:_SHOWN_FAILURES] + ([f"and {more} more"] if more > 0 else [])
            raise MachineryError(
                f"S3 has not deleted {len(failed)} objects of `s3://{self.bucket}`",
                detail="\n".join(shown),
                hint="allow `s3:DeleteObject` and `s3:DeleteObjectVersion` on them, and run it again",
            )
