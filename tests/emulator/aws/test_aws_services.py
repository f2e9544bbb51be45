"""The rest of AWS: moto's services, and the rules in front of its S3."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from orchestrator.emulator.aws.container.environment import aws_settings


@pytest.fixture(scope="module")
def s3(aws: Any) -> Any:
    """Return a client, with the versioned bucket `rules`."""
    client = aws.client("s3")
    client.create_bucket(Bucket="rules", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    client.put_bucket_versioning(Bucket="rules", VersioningConfiguration={"Status": "Enabled"})
    return client


def test_who_am_i(aws: Any) -> None:
    """The account is the one everything else names."""
    assert aws.client("sts").get_caller_identity()["Account"] == "123456789012"


def test_an_object_is_written_once(s3: Any) -> None:
    """Of many writers with If-None-Match exactly one wins, the others get 412."""

    def write(number: int) -> int:
        try:
            answer = s3.put_object(Bucket="rules", Key="once", Body=b"%d" % number, IfNoneMatch="*")
        except ClientError as error:
            return int(error.response["ResponseMetadata"]["HTTPStatusCode"])
        return int(answer["ResponseMetadata"]["HTTPStatusCode"])

    with ThreadPoolExecutor(8) as pool:
        assert sorted(pool.map(write, range(8))) == [200] + [412] * 7


def test_old_versions_can_be_read(s3: Any) -> None:
    """GetObject with VersionId returns exactly that version."""
    first, second = (s3.put_object(Bucket="rules", Key="v", Body=body)["VersionId"] for body in (b"1", b"2"))
    assert s3.get_object(Bucket="rules", Key="v", VersionId=first)["Body"].read() == b"1"
    assert s3.get_object(Bucket="rules", Key="v")["VersionId"] == second


@pytest.mark.parametrize(
    ("operation", "request_members"),
    [
        ("head_bucket", {}),
        ("get_object", {"Key": "o"}),
        ("put_object", {"Key": "o", "Body": b"x"}),
        ("list_objects_v2", {}),
    ],
)
def test_a_bucket_of_another_account_is_refused(s3: Any, operation: str, request_members: dict[str, Any]) -> None:
    """ExpectedBucketOwner is compared with the owner: 403 for a wrong one, success for the right one."""
    s3.put_object(Bucket="rules", Key="o", Body=b"x", ExpectedBucketOwner="123456789012")
    call = getattr(s3, operation)
    with pytest.raises(ClientError) as caught:
        call(Bucket="rules", ExpectedBucketOwner="999999999999", **request_members)
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403
    call(Bucket="rules", ExpectedBucketOwner="123456789012", **request_members)


def test_the_aws_command_line_works_with_nothing_but_variables(aws: Any, tmp_path: Path) -> None:
    """A plain `aws` finds S3 and CodeBuild through AWS_ENDPOINT_URL."""
    environment = aws_settings(aws.server.url, "eu-central-1") | {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    command = str(Path(sys.executable).with_name("aws"))

    def run(*arguments: str) -> str:
        done = subprocess.run(
            [command, *arguments], env=environment, capture_output=True, text=True, timeout=60, check=True
        )
        return done.stdout

    (tmp_path / "f").write_text("content")
    run("s3", "mb", "s3://from-cli")
    run("s3", "cp", str(tmp_path / "f"), "s3://from-cli/a/b c+ü.txt")
    assert run("s3", "cp", "s3://from-cli/a/b c+ü.txt", "-") == "content"
    name = aws.project("version: 0.2\nphases: {build: {commands: [true]}}")
    identifier = run("codebuild", "start-build", "--project-name", name, "--query", "build.id", "--output", "text")
    assert aws.finished(identifier.strip())["buildStatus"] == "SUCCEEDED"


def test_a_tls_only_policy_does_not_lock_the_bucket(aws: Any) -> None:
    """A bucket with a policy that denies plain HTTP can still be used over loopback, as over TLS on AWS."""
    client = aws.client("s3")
    client.create_bucket(Bucket="tls-only", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    statement = {
        "Effect": "Deny",
        "Principal": "*",
        "Action": "s3:*",
        "Resource": ["arn:aws:s3:::tls-only", "arn:aws:s3:::tls-only/*"],
        "Condition": {"Bool": {"aws:SecureTransport": "false"}},
    }
    client.put_bucket_policy(Bucket="tls-only", Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    client.put_object(Bucket="tls-only", Key="key", Body=b"value")
    assert client.get_object(Bucket="tls-only", Key="key")["Body"].read() == b"value"
