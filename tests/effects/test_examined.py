"""What `doctor` sees of AWS and GitLab, through real clients against the emulator and scripted answers."""

from __future__ import annotations

import json
import uuid
from datetime import datetime, timedelta, timezone
from typing import Any

import boto3
import gitlab
import pytest
from instant import Instant

from orchestrator.doctor_ports import BucketState
from orchestrator.effects.account.examined import AwsAccount
from orchestrator.effects.aws import client
from orchestrator.effects.gitlab_examined import GitLabExamined
from orchestrator.effects.local_machine import Machine
from orchestrator.emulator.control import Running
from orchestrator.errors import ConfigurationError, OrchestratorError

REGION = "eu-central-1"


def account() -> AwsAccount:
    """Return the account of the environment, asked without pauses."""
    return AwsAccount(REGION, Instant().patience)


def test_an_account_is_seen_as_it_is(world: Running, bucket: str) -> None:
    """Identity, time, images, parameters and buckets are those of the account and the region."""
    name = f"/doctor/{uuid.uuid4().hex}"
    client("ssm", REGION).put_parameter(Name=f"{name}/a", Value="v", Type="SecureString")
    client("ssm", REGION).put_parameter(Name=f"{name}/b", Value="v", Type="String")
    seen = account()
    assert seen.identity().account == world.account_id
    assert abs(datetime.now(timezone.utc) - seen.time()) < timedelta(minutes=1)
    assert "aws/codebuild/amazonlinux-aarch64-standard:3.0" in seen.images()
    found = seen.parameters([f"{name}/a", f"{name}/b", f"{name}/c"], REGION)
    assert {one.name.removeprefix(name): one.secure for one in found.values()} == {"/a": True, "/b": False}
    assert seen.parameters([f"{name}/a"], "us-east-1") == {}
    assert seen.bucket(bucket, world.account_id) is BucketState.OURS
    assert seen.bucket(f"absent-{uuid.uuid4().hex}", world.account_id) is BucketState.ABSENT


def test_a_bucket_of_somebody_else_is_seen(world: Running) -> None:
    """A name that another account has taken is told from a bucket of one's own that is closed."""
    role = client("sts", REGION).assume_role(RoleArn="arn:aws:iam::999999999999:role/x", RoleSessionName="stranger")
    key = role["Credentials"]
    stranger = boto3.client(
        "s3",
        region_name=REGION,
        aws_access_key_id=key["AccessKeyId"],
        aws_secret_access_key=key["SecretAccessKey"],
        aws_session_token=key["SessionToken"],
    )
    name = f"taken-{uuid.uuid4().hex[:20]}"
    stranger.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": REGION})
    assert account().bucket(name, world.account_id) is BucketState.FOREIGN


@pytest.mark.parametrize(
    ("operation", "ask"),
    [
        ("ListCuratedEnvironmentImages", lambda seen: seen.images()),
        ("ListAWSDefaultServiceQuotas", lambda seen: seen.quotas()),
        ("DescribeParameters", lambda seen: seen.parameters(["/x"], REGION)),
        ("HeadBucket", lambda seen: seen.bucket("closed", "123456789012")),
    ],
)
def test_what_is_denied_is_not_called_fine(operation: str, ask: Any, scripted: Any, answer: Any) -> None:
    """A denied look is a failure with the permission that is missing, for every question."""
    body = b'{"__type": "AccessDeniedException", "message": "no"}'
    scripted(answer(403 if operation == "HeadBucket" else 400, body, Content_Type="application/x-amz-json-1.1"))
    with pytest.raises(OrchestratorError) as caught:
        ask(account())
    assert isinstance(caught.value, ConfigurationError) or operation == "HeadBucket"


def test_the_time_is_told_by_a_refusal(scripted: Any, answer: Any) -> None:
    """AWS refuses who has a wrong clock, and says in the same answer what time it is."""
    body = b"<ErrorResponse><Error><Code>SignatureDoesNotMatch</Code><Message>expired</Message></Error></ErrorResponse>"
    scripted(answer(403, body, Content_Type="text/xml", Date="Sun, 22 Nov 2026 12:00:00 GMT"))
    assert account().time() == datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def test_quotas_of_the_account_replace_the_defaults(scripted: Any, answer: Any) -> None:
    """What AWS has granted this account counts, and its default where nothing was granted; pages are followed."""

    def page(more: str, *rows: tuple[str, str, float]) -> bytes:
        quotas = [{"QuotaName": name, "QuotaCode": code, "Value": value} for name, code, value in rows]
        told = {"Quotas": quotas, **({"NextToken": more} if more else {})}
        return bytes(answer(200, json.dumps(told).encode(), Content_Type="application/x-amz-json-1.1"))

    scripted(page("next", ("small", "L-1", 20)), page("", ("large", "L-2", 5)), page("", ("small", "L-1", 0)))
    quotas = account().quotas()
    assert {name: (quota.code, quota.value) for name, quota in quotas.items()} == {
        "small": ("L-1", 0.0),
        "large": ("L-2", 5.0),
    }


@pytest.fixture
def project(world: Running) -> Any:
    """Return a project with one commit and one trigger token."""
    created = gitlab.Gitlab(world.gitlab_url, private_token=world.gitlab_token).projects.create(
        {"name": f"p-{uuid.uuid4().hex[:10]}"}
    )
    actions = [{"action": "create", "file_path": "README.md", "content": "x"}]
    created.commits.create({"branch": "main", "commit_message": "first", "actions": actions})
    created.triggers.create({"description": "orchestrator:1:2:/x"})
    return created


def test_a_project_is_seen_as_it_is(world: Running, project: Any) -> None:
    """Version, token, protection, role and trigger tokens are those of the server; no token's value is kept."""
    seen = GitLabExamined(world.gitlab_url, project.path_with_namespace, world.gitlab_token, Instant().patience)
    assert seen.version().split(".")[0].isdigit()
    assert seen.token().active
    facts = seen.project()
    assert facts is not None
    assert (facts.id, facts.default_branch, facts.access) == (project.id, "main", 50)
    rules = project.protectedbranches.list(get_all=True)
    assert facts.protected is bool(rules)
    for rule in rules:
        rule.delete()
    after = seen.project()
    assert after is not None
    assert not after.protected
    (trigger,) = seen.triggers()
    assert (trigger.description, trigger.value) == ("orchestrator:1:2:/x", None)
    assert trigger.owner is not None
    assert (trigger.owner.active, trigger.owner.role) == (True, 50)
    unknown = GitLabExamined(world.gitlab_url, "no/such", world.gitlab_token, Instant().patience)
    assert unknown.project() is None


def test_a_token_that_is_not_accepted_is_seen_as_such(world: Running) -> None:
    """GitLab answers 401 for a token that it does not know any more: that is an answer, and no failure to look."""
    seen = GitLabExamined(world.gitlab_url, "no/such", "glpat-revoked-long-ago", Instant().patience)
    assert not seen.token().active


def test_an_owner_who_is_blocked_or_has_left_is_seen(world: Running, project: Any) -> None:
    """The owner of a trigger token is judged by what the account may do today."""
    root = gitlab.Gitlab(world.gitlab_url, private_token=world.gitlab_token)
    name = f"u{uuid.uuid4().hex[:10]}"
    user = root.users.create({"username": name, "name": name, "email": f"{name}@example.com", "password": "x" * 20})
    token = user.personal_access_tokens.create({"name": "t", "scopes": ["api"]}).token
    project.members.create({"user_id": user.id, "access_level": 40})
    own = gitlab.Gitlab(world.gitlab_url, private_token=token).projects.get(project.id)
    made = own.triggers.create({"description": "theirs"})
    seen = GitLabExamined(world.gitlab_url, str(project.id), world.gitlab_token, Instant().patience)

    def owner() -> Any:
        return next(one.owner for one in seen.triggers() if one.id == made.id)

    assert (owner().role, owner().active) == (40, True)
    project.members.delete(user.id)
    assert owner().role == 0
    user.block()
    assert not owner().active


def test_this_machine_is_seen(tmp_path: Any) -> None:
    """A mirror that is named and serves the provider is told; one that does not is none."""
    assert Machine({"ORCHESTRATOR_PROVIDER_MIRROR": str(tmp_path)}).provider() == ""
    with pytest.raises(ConfigurationError):
        Machine({"PATH": str(tmp_path), "ORCHESTRATOR_PROVIDER_MIRROR": str(tmp_path)}).terraform()
