"""An AWS account in the hands of a person: its buckets as a whole, its OIDC provider, its CodeBuild projects."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable
from typing import Any

import pytest
from instant import Instant

from orchestrator.effects import aws
from orchestrator.effects.account.buckets import AccountBuckets
from orchestrator.effects.account.published import PublishedParameters
from orchestrator.effects.account.view import AwsAccountView
from orchestrator.errors import MachineryError, Refused
from orchestrator.platform_ports import Provider, TrustingRole

REGION = "eu-central-1"
ACCOUNT = "123456789012"
BUCKETS = AccountBuckets(ACCOUNT, REGION, Instant().patience)
VIEW = AwsAccountView(REGION, Instant().patience)
XML = "text/xml"


def test_a_bucket_is_made_once(world: object) -> None:
    """Making it again is no failure, and what is in it stays; one that is not there is said to be not there."""
    name = f"made-{uuid.uuid4().hex[:12]}"
    assert not BUCKETS.exists(name)
    BUCKETS.make(name)
    aws.client("s3", REGION).put_object(Bucket=name, Key="a", Body=b"x")
    BUCKETS.make(name)
    assert (BUCKETS.exists(name), BUCKETS.read(name, "a"), BUCKETS.read(name, "b")) == (True, b"x", None)


def test_a_bucket_is_emptied_with_its_history_and_removed(bucket: str) -> None:
    """Old versions and deletions are objects, too: with one of them left, S3 removes no bucket."""
    client = aws.client("s3", REGION)
    for key in ("a", "a", "b/c"):
        client.put_object(Bucket=bucket, Key=key, Body=b"x")
    client.delete_object(Bucket=bucket, Key="b/c")
    assert sorted(BUCKETS.keys(bucket)) == ["a", "b/c"]
    assert BUCKETS.empty(bucket, "b/") == 2
    assert BUCKETS.keys(bucket) == ["a"]
    assert BUCKETS.empty(bucket) == 2
    assert BUCKETS.keys(bucket) == []
    BUCKETS.remove(bucket)
    BUCKETS.remove(bucket)
    assert (BUCKETS.exists(bucket), BUCKETS.keys(bucket)) == (False, [])


def test_a_bucket_with_many_objects_is_emptied(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """What does not fit into one answer is asked for page by page."""
    page = "<ListVersionsResult><Name>b</Name><IsTruncated>{more}</IsTruncated>{next}<Version><Key>{key}</Key>" \
        "<VersionId>1</VersionId></Version></ListVersionsResult>"  # fmt: skip
    first = page.format(more="true", next="<NextKeyMarker>a</NextKeyMarker>", key="a")
    last = page.format(more="false", next="", key="b")
    scripted(*(answer(200, text.encode(), Content_Type=XML) for text in (first, last)))
    assert BUCKETS.keys("b") == ["a", "b"]


def test_an_object_that_may_not_be_deleted_stops_the_emptying(
    scripted: Callable[..., Any], answer: Callable[..., bytes]
) -> None:
    """S3 answers 200 for what it has not deleted: it is told, with what is missing."""
    listed = (
        "<ListVersionsResult><Name>b</Name><Version><Key>k</Key><VersionId>1</VersionId></Version></ListVersionsResult>"
    )
    refused = "<DeleteResult><Error><Key>k</Key><Code>AccessDenied</Code></Error></DeleteResult>"
    scripted(*(answer(200, text.encode(), Content_Type=XML) for text in (listed, refused)))
    with pytest.raises(Refused, match="`AccessDenied` for `k`"):
        BUCKETS.empty("b")


def test_a_bucket_of_another_account_is_refused(world: object, bucket: str) -> None:
    """Neither looked into nor taken for ours: its owner could read whatever we stored there."""
    stranger = AccountBuckets("999999999999", REGION, Instant().patience)
    with pytest.raises(Refused, match=f"`{bucket}` is taken(.|\n)*platform.yml"):
        stranger.exists(bucket)


def test_a_name_that_is_taken_is_told(scripted: Callable[..., Any], answer: Callable[..., bytes]) -> None:
    """Bucket names are the whole world's: the message says which key to write another one into."""
    scripted(answer(409, b"<Error><Code>BucketAlreadyExists</Code></Error>", Content_Type=XML))
    with pytest.raises(Refused, match=r"state: \{bucket"):
        BUCKETS.make("taken")


def test_a_provider_and_who_trusts_it(world: object) -> None:
    """The provider comes with audiences and tags; roles that trust others are not among those that trust it."""
    client, host = aws.client("iam", REGION), f"gitlab-{uuid.uuid4().hex[:8]}.example.com"
    arn = f"arn:aws:iam::{ACCOUNT}:oidc-provider/{host}"
    assert VIEW.provider(arn) is None
    tags = [{"Key": "orchestrator-platform", "Value": REGION}]
    client.create_open_id_connect_provider(Url=f"https://{host}", ClientIDList=["aud"], ThumbprintList=[], Tags=tags)
    assert VIEW.provider(arn) == Provider(("aud",), {"orchestrator-platform": REGION})
    for name, federated in (("one", arn), ("list", [arn, "other"]), ("other", f"{arn}/path")):
        trust = {"Statement": {"Effect": "Allow", "Principal": {"Federated": federated}, "Action": "sts:AssumeRole"}}
        client.create_role(RoleName=f"{name}-{host[:15]}", AssumeRolePolicyDocument=json.dumps(trust), Tags=tags)
    trust = {"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "sts:AssumeRole"}]}
    client.create_role(RoleName=f"any-{host[:15]}", AssumeRolePolicyDocument=json.dumps(trust))
    expected = [f"arn:aws:iam::{ACCOUNT}:role/{name}-{host[:15]}" for name in ("list", "one")]
    found = sorted(VIEW.roles_trusting(arn), key=lambda role: role.arn)
    assert found == [TrustingRole(one, {"orchestrator-platform": REGION}) for one in expected]


def test_projects_of_ours_are_told_from_others(world: object) -> None:
    """A CodeBuild project is ours by its tag, and says which bucket it knows."""
    client = aws.client("codebuild", REGION)
    names = [f"{kind}-{uuid.uuid4().hex[:8]}" for kind in ("ours", "theirs")]
    for name, tags in zip(names, ([{"key": "orchestrator-settings-digest", "value": "d"}], []), strict=True):
        client.create_project(
            name=name,
            source={"type": "NO_SOURCE", "buildspec": "version: 0.2\nphases: {}\n"},
            artifacts={"type": "NO_ARTIFACTS"},
            environment={
                "type": "ARM_CONTAINER",
                "image": "aws/codebuild/amazonlinux-aarch64-standard:3.0",
                "computeType": "BUILD_GENERAL1_SMALL",
                "environmentVariables": [{"name": "ORCHESTRATOR_BUCKET", "value": "b", "type": "PLAINTEXT"}],
            },
            serviceRole=f"arn:aws:iam::{ACCOUNT}:role/r",
            tags=tags,
        )
    found = VIEW.build_projects()
    assert {project.name: project.bucket for project in found if project.name in names} == {names[0]: "b"}


def test_a_page_of_a_proxy_is_not_an_account_without_projects(
    scripted: Callable[..., Any], answer: Callable[..., bytes]
) -> None:
    """What is not an answer of AWS must not look like a platform that nobody uses."""
    scripted(answer(200, b"<html>sorry</html>", Content_Type="text/html"))
    for look in (VIEW.build_projects, lambda: VIEW.roles_trusting("arn"), lambda: BUCKETS.keys("b")):
        with pytest.raises(MachineryError):
            look()


def test_plain_values_are_read_and_secrets_are_not(world: object) -> None:
    """All pages of values below a path; what somebody keeps there as a secret is left alone."""
    client, path = aws.client("ssm", REGION), f"/test-{uuid.uuid4().hex[:8]}/"
    for number in range(12):
        client.put_parameter(Name=f"{path}deep/{number}", Value=str(number), Type="String")
    client.put_parameter(Name=f"{path}secret", Value="canary", Type="SecureString")
    store = PublishedParameters(REGION, Instant().patience)
    assert store.below(path) == {f"{path}deep/{number}": str(number) for number in range(12)}
    assert store.below("/test-nothing/") == {}
