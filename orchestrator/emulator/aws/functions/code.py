"""Code that Lambda takes from S3 as AWS does: the version that is named, and nothing where there is none."""

from __future__ import annotations

import functools
from typing import Any


@functools.cache
def keep_code() -> None:
    """Make moto heed `S3ObjectVersion` and `Architectures`, and let functions keep the layers they were given."""
    from moto.awslambda import models

    known_class: Any = models.LambdaFunction
    take, layers_of = known_class._set_function_code, known_class._get_layers_data

    def take_code(self: Any, spec: dict[str, Any]) -> None:
        if "S3Key" not in spec or spec is self.code or spec.get("DryRun"):
            take(self, spec)
        else:
            key = _object(self.account_id, self.partition, spec)
            self.code_bytes, self.code_size, self.code_sha_256, self.code_digest = models._s3_content(key)
            self.code |= {name: spec[name] for name in ("S3Bucket", "S3Key")}
        if spec is not self.code and spec.get("Architectures"):
            self.architectures = spec["Architectures"]

    def take_layers(self: Any, arns: list[str]) -> Any:
        # What a function has been given stays with it, also when that version of the layer is deleted.
        told = layers_of(self, arns)
        backend: Any = models.lambda_backends[self.account_id][self.region]
        found = [backend.layers_versions_by_arn(arn) for arn in arns]
        self.layer_archives = tuple((one.code_digest, one.code_bytes) for one in found if one)
        return told

    known_class._set_function_code = take_code
    known_class._get_layers_data = take_layers
    models._validate_s3_bucket_and_key = lambda account_id, partition, data: _object(account_id, partition, data)


def _object(account_id: str, partition: str, spec: dict[str, Any]) -> Any:
    """Return the object in S3; raises what Lambda answers when it cannot have it."""
    from moto.awslambda.exceptions import InvalidParameterValueException
    from moto.s3.exceptions import InvalidVersion, MissingBucket, MissingKey
    from moto.s3.models import s3_backends

    reason = "NoSuchKey. S3 Error Message: The specified key does not exist."
    try:
        found = s3_backends[account_id][partition].get_object(
            spec["S3Bucket"], spec["S3Key"], version_id=spec.get("S3ObjectVersion")
        )
    except (MissingKey, InvalidVersion):
        found = None
    except MissingBucket:
        found, reason = None, "NoSuchBucket. S3 Error Message: The specified bucket does not exist"
    if found is None:
        raise InvalidParameterValueException(f"Error occurred while GetObject. S3 Error Code: {reason}")
    return found
