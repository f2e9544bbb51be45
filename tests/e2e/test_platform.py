"""A platform by the real Terraform and AWS provider: made, made again, used, refused, taken away without a trace."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from conftest import KEPT
from json_documents import conforming

from orchestrator.emulator import control
from orchestrator.emulator.control import Running
from orchestrator.platform_outputs import read_outputs

pytestmark = pytest.mark.e2e

# A region of its own: there is one platform in each.
REGION = "eu-west-1"
PLATFORM = f"""\
region: {REGION}
gitlab: {{url: "http://127.0.0.1:8080", issuer: "https://gitlab.platform.example"}}
projects:
  platform-test/feed:
    refs: {{start: {{branches: [main, release/*]}}}}
    deploy: {{policies: ["arn:aws:iam::123456789012:policy/platform-test-queues"]}}
    reach:
      cache: true
      network: {{subnets: [subnet-0a1b2c3d], security_groups: [sg-0a1b2c3d]}}
      image_repositories: ["arn:aws:ecr:{REGION}:123456789012:repository/team/builder"]
tags: {{team: platform}}
"""
STATES = f"orchestrator-states-123456789012-{REGION}"
PACKAGES = f"orchestrator-packages-123456789012-{REGION}"


class Owner:
    """Whoever owns the account, at a terminal without an answer."""

    def __init__(self, running: Running, folder: Path) -> None:
        self._running, self._folder = running, folder
        self._environment = {name: os.environ[name] for name in KEPT if name in os.environ}
        self._environment |= {"HOME": str(folder), **control.environment(running)}
        (folder / "platform.yml").write_text(PLATFORM)

    def platform(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `orchestrator platform`."""
        return subprocess.run(
            [sys.executable, "-m", "orchestrator", "platform", *arguments],
            cwd=self._folder,
            env=self._environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )

    def aws(self, service: str) -> Any:
        """Return a boto3 client of the region."""
        session = boto3.session.Session(
            aws_access_key_id=self._environment["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=self._environment["AWS_SECRET_ACCESS_KEY"],
            region_name=REGION,
        )
        return session.client(service, endpoint_url=self._running.aws_url)

    def policy(self, arn: str) -> Any:
        """Return what a managed policy says."""
        iam = self.aws("iam")
        version = iam.get_policy(PolicyArn=arn)["Policy"]["DefaultVersionId"]
        return iam.get_policy_version(PolicyArn=arn, VersionId=version)["PolicyVersion"]["Document"]

    def lose_everything(self) -> None:
        """Go on at another machine."""
        shutil.rmtree(self._folder / ".orchestrator")

    def remains(self) -> list[str]:
        """List whatever a platform of this region has, by name; a key that is on its way out counts as gone."""
        iam, kms = self.aws("iam"), self.aws("kms")
        keys = [kms.describe_key(KeyId=key["KeyId"])["KeyMetadata"] for key in kms.list_keys()["Keys"]]
        found = [
            *(bucket["Name"] for bucket in self.aws("s3").list_buckets()["Buckets"]),
            *(role["Arn"] for role in iam.list_roles()["Roles"]),
            *(policy["Arn"] for policy in iam.list_policies(Scope="Local")["Policies"]),
            *(provider["Arn"] for provider in iam.list_open_id_connect_providers()["OpenIDConnectProviderList"]),
        ]
        ours = [name for name in found if REGION in name or "platform.example" in name]
        aliases = [alias["AliasName"] for alias in kms.list_aliases()["Aliases"]]
        parameters = self.aws("ssm").describe_parameters()["Parameters"]
        return [
            *ours,
            *(alias for alias in aliases if not alias.startswith("alias/aws/")),
            *(key["Arn"] for key in keys if key["KeyState"] == "Enabled" and key["KeyManager"] == "CUSTOMER"),
            *(parameter["Name"] for parameter in parameters),
        ]


@pytest.fixture
def owner(emulator: Running, tmp_path: Path) -> Iterator[Owner]:
    """Return somebody with a policy of their own, whose first attempt ended right after the bucket of the state."""
    made = Owner(emulator, tmp_path)
    made.aws("s3").create_bucket(Bucket=STATES, CreateBucketConfiguration={"LocationConstraint": REGION})
    queues = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:ListQueues", "Resource": "*"}]}
    own = made.aws("iam").create_policy(PolicyName="platform-test-queues", PolicyDocument=json.dumps(queues))
    yield made
    made.aws("iam").delete_policy(PolicyArn=own["Policy"]["Arn"])


def test_a_platform_comes_and_goes(owner: Owner) -> None:
    """An interrupted apply is finished, a second from another machine changes nothing, a destroy leaves nothing."""
    foreseen = owner.platform("plan", "--json")
    assert foreseen.returncode == 0, foreseen.stderr
    changes = conforming("platform plan", foreseen.stdout)["changes"]
    assert ["create"] in [one["actions"] for one in changes]
    first = owner.platform("apply")
    assert first.returncode == 0, first.stderr
    assert 'update module.state_bucket.aws_s3_bucket.this["this"]' in first.stderr
    published = read_outputs(json.loads(first.stdout))
    assert published is not None
    assert (published.bucket, published.state_bucket, published.gitlab_url) == (
        PACKAGES, STATES, "http://127.0.0.1:8080",
    )  # fmt: skip
    access = published.of_gitlab_project("platform-test/feed")
    assert access is not None
    trust = owner.aws("iam").get_role(RoleName=access.start_arn.rpartition("/")[2])["Role"]["AssumeRolePolicyDocument"]
    assert "project_path:platform-test/feed:ref_type:branch:ref:release/*" in json.dumps(trust)
    reached = json.dumps(owner.policy(access.permissions_boundary_arn))
    for word in ("subnet/subnet-0a1b2c3d", "repository/team/builder", "cache/platform-test-feed-*"):
        assert word in reached
    assert access.deploy_arn is not None and access.functions_boundary_arn is not None
    assert "xray:PutTraceSegments" in json.dumps(owner.policy(access.functions_boundary_arn))
    role = access.deploy_arn.rpartition("/")[2]
    attached = owner.aws("iam").list_attached_role_policies(RoleName=role)["AttachedPolicies"]
    assert [item["PolicyName"] for item in attached] == ["platform-test-queues"]
    assert published.key_arn in json.dumps(owner.aws("s3").get_bucket_encryption(Bucket=PACKAGES))
    assert owner.aws("kms").get_key_rotation_status(KeyId=published.key_arn)["KeyRotationEnabled"]

    owner.lose_everything()
    second = owner.platform("apply", "--json")
    assert second.returncode == 0, second.stderr
    assert "plan: nothing to change" in second.stderr
    assert conforming("platform apply", second.stdout)["parameters"] == json.loads(first.stdout)

    owner.aws("s3").put_object(Bucket=PACKAGES, Key=f"{access.artifact_prefix}/tools/x", Body=b"x")
    refused = owner.platform("destroy", "--yes")
    assert (refused.returncode, "is not empty" in refused.stderr) == (5, True), refused.stderr
    gone = owner.platform("destroy", "--yes", "--delete-artifacts")
    assert gone.returncode == 0, gone.stderr
    assert owner.remains() == []
