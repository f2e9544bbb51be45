"""What no scanner covers, in the plan of the root: whom roles trust, what builds may do, where secrets are not."""

from __future__ import annotations

import zipfile
from typing import Any

import pytest
import yaml
from iam import allowed_actions, allows, listed, statements, trusts
from planned import BOUND, BUCKET, CANARY, LONG, REGION, Planned
from world import ACCOUNT, SHA, UUID

PARSER = f"{LONG}-parser"
PROJECT = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{PARSER}"
PARAMETER = f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter"
IN_BUILD = {"aws:ResourceAccount": ACCOUNT, "codebuild:projectArn": PROJECT}
OWN_KEY = f"arn:aws:s3:::{BUCKET}/packages/artifacts/{PARSER}/{SHA}/{UUID}/package.zip"


def policy(planned: Planned, part: str) -> str:
    """Return the policy of the one role whose address has this part."""
    (found,) = [values for address, values in planned.of("aws_iam_role_policy").items() if part in address]
    return str(found["policy"])


def test_a_build_role_is_codebuilds_for_one_project(planned: Planned) -> None:
    """CodeBuild takes the role of a build for that project of this account, and for no other."""
    (role,) = [values for address, values in planned.of("aws_iam_role").items() if f"{PARSER}" in address]
    codebuild = {"Service": "codebuild.amazonaws.com"}
    right = {"aws:SourceAccount": ACCOUNT, "aws:SourceArn": PROJECT}
    assert trusts(role["assume_role_policy"], codebuild, right)
    wrong: list[dict[str, str]] = [
        {},
        {**right, "aws:SourceAccount": "210987654321"},
        {**right, "aws:SourceArn": f"{PROJECT}2"},
        {"aws:SourceArn": PROJECT},
    ]
    for context in wrong:
        assert not trusts(role["assume_role_policy"], codebuild, context)
    assert not trusts(role["assume_role_policy"], {"Service": "lambda.amazonaws.com"}, right)


def test_every_trust_names_whom_and_for_what(planned: Planned) -> None:
    """No role here can be taken without a condition on the account or on the project that asks."""
    roles = planned.of("aws_iam_role")
    assert len(roles) == 9
    for role in roles.values():
        for one in statements(role["assume_role_policy"]):
            keys = {key for tests in one["Condition"].values() for key in tests}
            assert keys & {"aws:SourceAccount", "gitlab.com:sub"}
            assert listed(one["Principal"].get("AWS", [])) == []


@pytest.mark.parametrize(
    ("action", "resource", "context", "answer"),
    [
        ("s3:PutObject", OWN_KEY, IN_BUILD, True),
        ("s3:PutObject", OWN_KEY, {"aws:ResourceAccount": ACCOUNT}, False),
        ("s3:PutObject", OWN_KEY, {**IN_BUILD, "codebuild:projectArn": f"{PROJECT}2"}, False),
        ("s3:PutObject", OWN_KEY, {**IN_BUILD, "aws:ResourceAccount": "210987654321"}, False),
        ("s3:PutObject", OWN_KEY.replace("-parser/", "-parser2/"), IN_BUILD, False),
        ("s3:PutObject", OWN_KEY.replace("packages/", ""), IN_BUILD, False),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/handback/{PARSER}/{UUID}.json", IN_BUILD, False),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/assembled/{PARSER}/x", IN_BUILD, False),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/snapshots/{SHA}.tar.gz", IN_BUILD, False),
        ("s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/tools/x.pyz", IN_BUILD, False),
        ("s3:GetObject", f"arn:aws:s3:::{BUCKET}/packages/tools/x.pyz", IN_BUILD, True),
        ("s3:DeleteObject", OWN_KEY, IN_BUILD, False),
        ("ssm:GetParameter", f"{PARAMETER}/gitlab/pat", IN_BUILD, True),
        ("ssm:GetParameter", f"{PARAMETER}/gitlab/pat", {"aws:ResourceAccount": ACCOUNT}, False),
        ("ssm:GetParameter", f"{PARAMETER}/gitlab/pat2", IN_BUILD, False),
        ("ssm:GetParameter", f"{PARAMETER}/gitlab/trigger/{LONG}", IN_BUILD, False),
        ("ssmmessages:CreateControlChannel", "*", IN_BUILD, False),
        ("codebuild:StartBuild", PROJECT, IN_BUILD, False),
    ],
)
def test_a_build_reaches_its_own_things_only(
    planned: Planned, action: str, resource: str, context: dict[str, str], *, answer: bool
) -> None:
    """A build writes below its own prefix and reads its own parameters, as a build of its project; no session opens."""
    assert allows(policy(planned, f"{PARSER}"), action, resource, context) is answer


def test_projects_run_what_was_applied_and_nothing_else(planned: Planned) -> None:
    """The buildspec is inline, there is no source with credentials, nothing is public, and every wait has an end."""
    projects = planned.of("aws_codebuild_project")
    assert len(projects) == 5
    for project in projects.values():
        (source,), (environment,) = project["source"], project["environment"]
        assert yaml.safe_load(source["buildspec"])["version"] == 0.2
        assert (source["type"], source["location"], source["auth"]) == ("NO_SOURCE", None, [])
        assert project["secondary_sources"] == []
        assert (project["project_visibility"], project["badge_enabled"]) == ("PRIVATE", False)
        assert environment["privileged_mode"] is project["name"].endswith(("-inside", "-hub"))
        assert bool(environment["registry_credential"]) is project["name"].endswith("-hub")
        assert bool(project["vpc_config"]) is project["name"].endswith("-inside")
        assert {variable["type"] for variable in environment["environment_variable"]} == {"PLAINTEXT"}
        limits = (project["queued_timeout"], project["build_timeout"], project["concurrent_build_limit"])
        # Lambda compute takes no time-outs; what the provider puts there by itself is not sent.
        assert limits[2] == 2
        assert limits[:2] == (30, 20) or environment["type"] == "ARM_LAMBDA_CONTAINER"


INSIDE = f"{LONG}-inside"
EC2 = f"arn:aws:ec2:{REGION}:{ACCOUNT}"
SUBNET = f"{EC2}:subnet/subnet-0a1b2c3d"
HUB = f"arn:aws:secretsmanager:{REGION}:{ACCOUNT}:secret:hub"
ECR = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team"


@pytest.mark.parametrize(
    ("package", "action", "resource", "context", "answer"),
    [
        ("inside", "ec2:CreateNetworkInterface", SUBNET, {}, True),
        ("inside", "ec2:CreateNetworkInterface", f"{EC2}:subnet/subnet-0f", {}, False),
        ("inside", "ec2:DeleteNetworkInterface", f"{EC2}:network-interface/eni-1", {"ec2:Subnet": SUBNET}, True),
        ("inside", "ec2:DeleteNetworkInterface", f"{EC2}:network-interface/eni-1", {"ec2:Subnet": f"{SUBNET}0"}, False),
        ("inside", "ec2:CreateNetworkInterfacePermission", f"{EC2}:network-interface/eni-1",
         {"ec2:Subnet": SUBNET, "ec2:AuthorizedService": "codebuild.amazonaws.com"}, True),
        ("inside", "ec2:CreateNetworkInterfacePermission", f"{EC2}:network-interface/eni-1",
         {"ec2:Subnet": SUBNET}, False),
        ("inside", "ecr:BatchGetImage", f"{ECR}/builder", {}, True),
        ("inside", "ecr:BatchGetImage", f"{ECR}/builder2", {}, False),
        ("inside", "ecr:PutImage", f"{ECR}/builder", {}, False),
        ("inside", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/cache/{INSIDE}/x", IN_BUILD, True),
        ("inside", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/cache/{INSIDE}2/x", IN_BUILD, False),
        ("inside", "s3:PutObject", f"arn:aws:s3:::{BUCKET}/packages/cache/{LONG}-parser/x", IN_BUILD, False),
        ("inside", "secretsmanager:GetSecretValue", HUB, {}, False),
        ("hub", "secretsmanager:GetSecretValue", HUB, {}, True),
        ("hub", "ec2:CreateNetworkInterface", SUBNET, {}, False),
    ],
)  # fmt: skip
def test_network_image_and_cache_are_reached_by_whom_they_are_for(
    planned: Planned, package: str, action: str, resource: str, context: dict[str, str], answer: bool
) -> None:
    """A build joins the subnets, pulls the image, reads the secret and keeps the cache that it was given only."""
    assert (
        allows(policy(planned, f'"{LONG}-{package}"].aws_iam_role_policy.reach'), action, resource, context) is answer
    )


def test_who_asks_for_nothing_reaches_nothing(planned: Planned) -> None:
    """There is a second policy for the builds that ask for something, and for no other."""
    reaching = [address for address in planned.of("aws_iam_role_policy") if ".reach[" in address]
    assert len(reaching) == 2


def test_a_project_comes_after_the_permissions_of_its_role(planned: Planned) -> None:
    """The first build may follow at once, and a role alone would let it fail."""
    module = planned.document["configuration"]["root_module"]["module_calls"]["build_project"]["module"]
    (project,) = [one for one in module["resources"] if one["type"] == "aws_codebuild_project"]
    assert "aws_iam_role_policy.this" in project["depends_on"]


def test_every_role_is_bound(planned: Planned) -> None:
    """The configured boundary is on each role that prebuild makes."""
    made = {address: role for address, role in planned.of("aws_iam_role").items() if "module.roles" not in address}
    assert {role["permissions_boundary"] for role in made.values()} == {BOUND}
    assert len(made) == 6


def test_the_bucket_is_spoken_to_by_tls_only(planned: Planned) -> None:
    """Whoever comes without TLS is denied everything, whatever else allows it."""
    (bucket,) = planned.of("aws_s3_bucket_policy").values()
    for key in (f"arn:aws:s3:::{BUCKET}", OWN_KEY):
        denied = [
            one
            for one in statements(bucket["policy"])
            if one["Effect"] == "Deny" and one["Principal"] == "*" and key_fits(one, key)
        ]
        assert [one["Condition"] for one in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]


def key_fits(statement: Any, resource: str) -> bool:
    """Tell whether a statement is about a resource, and about every action on it."""
    return statement["Action"] == "s3:*" and any(
        resource == pattern or (pattern.endswith("/*") and resource.startswith(pattern[:-1]))
        for pattern in listed(statement["Resource"])
    )


def test_no_secret_is_planned(planned: Planned) -> None:
    """What Terraform's environment holds is in no file that it writes, and no resource holds a value of a secret."""
    assert CANARY not in planned.text
    kinds = {address.split(".")[-2] for address in planned.resources}
    assert not [kind for kind in kinds if "ssm" in kind or "secret" in kind]
    with zipfile.ZipFile(planned.folder / "plan") as saved:
        assert all(CANARY.encode() not in saved.read(name) for name in saved.namelist())
    texts = [path for path in planned.folder.rglob("*") if path.suffix in {".tf", ".json", ".hcl"}]
    assert len(texts) > 20
    assert all(CANARY not in path.read_text("utf-8") for path in texts)


def test_policies_name_actions_and_resources(planned: Planned) -> None:
    """No action has a wildcard; only those that AWS gives no names for are allowed everywhere."""
    everywhere = set()
    for values in [*planned.of("aws_iam_role_policy").values(), *planned.of("aws_iam_policy").values()]:
        assert not [action for action in allowed_actions(values["policy"]) if "*" in action]
        everywhere |= {
            action
            for one in statements(values["policy"])
            if one["Effect"] == "Allow" and "*" in listed(one["Resource"])
            for action in listed(one["Action"])
        }
    network = {
        f"ec2:Describe{what}" for what in ("DhcpOptions", "NetworkInterfaces", "SecurityGroups", "Subnets", "Vpcs")
    }
    traces = {"xray:PutTelemetryRecords", "xray:PutTraceSegments"}
    names = {"logs:DescribeLogGroups", "ssm:DescribeParameters"}
    assert everywhere == {"ecr:GetAuthorizationToken", *names, *network, *traces}
