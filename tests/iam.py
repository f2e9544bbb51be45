"""A small judge of IAM policies: what a policy answers to one request that is spelled out. AWS itself is not asked."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Context = Mapping[str, "str | tuple[str, ...]"]

# IAM actions that have other names than the operation (Service Authorization Reference); none for what is free.
_OTHERWISE = {
    "s3:DeleteBucketEncryption": ["s3:PutEncryptionConfiguration"],
    "s3:DeleteBucketLifecycle": ["s3:PutLifecycleConfiguration"],
    "s3:DeleteBucketOwnershipControls": ["s3:PutBucketOwnershipControls"],
    "s3:DeleteBucketTagging": ["s3:PutBucketTagging"],
    "s3:DeletePublicAccessBlock": ["s3:PutBucketPublicAccessBlock"],
    "s3:GetBucketAccelerateConfiguration": ["s3:GetAccelerateConfiguration"],
    "s3:GetBucketCors": ["s3:GetBucketCORS"],
    "s3:GetBucketEncryption": ["s3:GetEncryptionConfiguration"],
    "s3:GetBucketLifecycleConfiguration": ["s3:GetLifecycleConfiguration"],
    "s3:GetBucketReplication": ["s3:GetReplicationConfiguration"],
    "s3:GetObjectLockConfiguration": ["s3:GetBucketObjectLockConfiguration"],
    "s3:GetPublicAccessBlock": ["s3:GetBucketPublicAccessBlock"],
    "s3:HeadBucket": ["s3:ListBucket"],
    "s3:HeadObject": ["s3:GetObject"],
    "s3:PutBucketEncryption": ["s3:PutEncryptionConfiguration"],
    "s3:PutBucketLifecycleConfiguration": ["s3:PutLifecycleConfiguration"],
    "s3:PutPublicAccessBlock": ["s3:PutBucketPublicAccessBlock"],
    "sts:GetCallerIdentity": [],
}


def actions_of(service: str, operation: str) -> list[str]:
    """Return the IAM actions that an operation of an API needs."""
    name = f"{service}:{operation}"
    return _OTHERWISE.get(name, [name])


def asked_for(journal: Iterable[Mapping[str, Any]]) -> set[str]:
    """Return the IAM actions that the calls in a journal of the emulator need."""
    return {action for line in journal for action in actions_of(line["service"], line["operation"])}


def statements(policy: str | Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the statements of a policy, given as JSON or as data."""
    document = json_of(policy)
    return list(listed(document["Statement"]))


def json_of(policy: str | Mapping[str, Any]) -> Any:
    """Return a policy as data."""
    return json.loads(policy) if isinstance(policy, str) else policy


def allowed_actions(policy: str | Mapping[str, Any]) -> set[str]:
    """Return every action that some statement allows."""
    return {action for one in statements(policy) if one["Effect"] == "Allow" for action in listed(one["Action"])}


def allows(policy: str | Mapping[str, Any], action: str, resource: str, context: Context | None = None) -> bool:
    """Tell whether the policy, were it the only one, allows a request: one statement allows it and none denies it."""
    answers = {one["Effect"] for one in _concerned(policy, action, resource, context or {})}
    return answers == {"Allow"}


def trusts(policy: str | Mapping[str, Any], principal: Mapping[str, str], context: Context) -> bool:
    """Tell whether a trust policy lets a principal, such as `{"Service": "codebuild.amazonaws.com"}`, take the role."""
    return any(
        one["Principal"] == principal and _holds(one.get("Condition", {}), context) for one in statements(policy)
    )


def _concerned(
    policy: str | Mapping[str, Any], action: str, resource: str, context: Context
) -> Iterator[Mapping[str, Any]]:
    for one in statements(policy):
        if (
            any(_like(pattern.lower(), action.lower()) for pattern in listed(one["Action"]))
            and any(_like(pattern, resource) for pattern in listed(one["Resource"]))
            and _holds(one.get("Condition", {}), context)
        ):
            yield one


def _holds(condition: Mapping[str, Mapping[str, Any]], context: Context) -> bool:
    known = {key.lower(): tuple(listed(value)) for key, value in context.items()}
    return all(
        _compared(operator, known.get(key.lower(), ()), [str(value) for value in listed(wanted)])
        for operator, tests in condition.items()
        for key, wanted in tests.items()
    )


def _compared(operator: str, values: tuple[str, ...], wanted: list[str]) -> bool:
    """Compare what a request says under a key, nothing if the key is absent, as IAM does with this operator."""
    if operator == "Null":
        return (not values) is (wanted == ["true"])
    if operator == "ForAnyValue:StringNotEquals":
        return any(value not in wanted for value in values)
    if operator in {"StringEquals", "Bool"}:
        return any(value in wanted for value in values)
    # The two for ARNs are alike (IAM docs: ARN condition operators).
    assert operator in {"StringLike", "ArnEquals", "ArnLike"}, f"{operator} is not understood here"
    return any(_like(pattern, value) for pattern in wanted for value in values)


def _like(pattern: str, value: str) -> bool:
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(text, value, re.DOTALL) is not None


def listed(value: Any) -> list[Any]:
    """Return what a policy may write as one value or as several."""
    return list(value) if isinstance(value, (list, tuple)) else [value]
