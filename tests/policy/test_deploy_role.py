"""The role of the jobs that deploy: what the module lambda-package makes, on names of the project, and nothing else."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from iam import allowed_actions, allows, trusts
from planned import BUCKET, LONG, REGION, ROLES_MODULE, Planned
from world import ACCOUNT, SHA, UUID

from orchestrator.effects import functions
from orchestrator.plan.names import artifact_key, passed_key, snapshot_key, tool_key, verified_key

HERE = f"{REGION}:{ACCOUNT}"
FUNCTION = f"arn:aws:lambda:{HERE}:function"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
OWN = f"{ROLE}/orchestrator/functions/{LONG}-test"
BOUND = f"arn:aws:iam::{ACCOUNT}:policy/orchestrator"
WAY_HOME = "thumbnails-of-the-whole-shop-in-a-1acaae84-handback"
PREFIX = "packages"
STATES = "arn:aws:s3:::states/thumbnails"
OURS = {"aws:ResourceAccount": ACCOUNT}
PAGE = ROLES_MODULE.parents[2] / "docs" / "deploy.md"


def functions_bound(planned: Planned) -> str:
    """Return the ARN of the policy that bounds the roles of functions."""
    policy = planned.resources['module.roles.aws_iam_policy.functions["deploy"]']
    return f"{BOUND}/{policy['name']}"


def test_every_call_of_a_deployment_is_allowed(deploy: str) -> None:
    """What the page lists is what Terraform was seen to ask for; it is allowed, and so is what deploy itself calls."""
    section = PAGE.read_text("utf-8").split("## What the role needs")[1].split("\n## ")[0]
    listed = set(re.findall(r"`((?:cloudwatch|iam|lambda|logs|s3):\w+)`", section))
    assert len(listed) > 30
    assert listed <= allowed_actions(deploy)
    nodes = ast.walk(ast.parse(Path(functions.__file__).read_text("utf-8")))
    methods = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    known = botocore.session.get_session().get_service_model("lambda").operation_names
    called = {"InvokeFunction" if name == "Invoke" else name for name in known if xform_name(name) in methods}
    assert {"GetFunctionConfiguration", "GetLayerVersion", "InvokeFunction"} == called
    assert {f"lambda:{name}" for name in called} <= allowed_actions(deploy)


def test_nothing_is_made_public_and_no_permission_escapes(deploy: str) -> None:
    """No function gets a URL or a caller, no bound is changed or taken away, no build is started or changed."""
    services = {action.partition(":")[0] for action in allowed_actions(deploy)}
    assert services == {"cloudwatch", "iam", "kms", "lambda", "logs", "s3"}
    assert not allowed_actions(deploy) & {
        *("lambda:AddPermission", "lambda:AddLayerVersionPermission", "lambda:CreateFunctionUrlConfig"),
        *("iam:AttachRolePolicy", "iam:DeleteRolePermissionsBoundary", "iam:CreatePolicyVersion", "iam:CreateUser"),
        *("s3:DeleteObjectVersion", "s3:PutBucketPolicy", "logs:GetLogEvents", "logs:PutResourcePolicy"),
    }


@pytest.mark.parametrize(
    ("action", "resource", "answer"),
    [
        ("lambda:UpdateFunctionCode", f"{FUNCTION}:{LONG}-test", True),
        ("lambda:InvokeFunction", f"{FUNCTION}:{LONG}-test:test", True),
        ("lambda:UpdateFunctionCode", f"{FUNCTION}:neighbour-test", False),
        ("lambda:UpdateFunctionCode", f"{FUNCTION}:{LONG}", False),
        ("lambda:UpdateFunctionCode", f"{FUNCTION}:{WAY_HOME}", False),
        ("lambda:InvokeFunction", f"{FUNCTION}:{WAY_HOME}:1", False),
        ("lambda:PublishLayerVersion", f"arn:aws:lambda:{HERE}:layer:{LONG}-common", True),
        ("lambda:DeleteLayerVersion", f"arn:aws:lambda:{HERE}:layer:{LONG}-common:3", True),
        ("lambda:DeleteLayerVersion", f"arn:aws:lambda:{HERE}:layer:other:3", False),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/{LONG}-test", True),
        ("logs:PutMetricFilter", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/{LONG}-test:*", True),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/{WAY_HOME}", False),
        ("logs:DeleteLogGroup", f"arn:aws:logs:{HERE}:log-group:/aws/codebuild/{LONG}-parser", False),
        ("cloudwatch:PutMetricAlarm", f"arn:aws:cloudwatch:{HERE}:alarm:{LONG}-test-errors", True),
        ("cloudwatch:DeleteAlarms", f"arn:aws:cloudwatch:{HERE}:alarm:{WAY_HOME}-dead-letters", False),
        ("iam:DeleteRole", OWN, True),
        ("iam:DeleteRole", f"{ROLE}/{LONG}-test", False),
        ("iam:UpdateAssumeRolePolicy", f"{ROLE}/{LONG[:42]}-65d52297-{REGION}", False),
        ("iam:UpdateAssumeRolePolicy", f"{ROLE}/{WAY_HOME}-{REGION}", False),
        ("iam:DeleteRole", f"{ROLE}/orchestrator/{LONG[:35]}-1acaae84-{REGION}-apply", False),
    ],
)  # fmt: skip
def test_who_deploys_reaches_what_is_deployed(deploy: str, action: str, resource: str, *, answer: bool) -> None:
    """Functions, layers, logs, alarms and roles of the project; not builds, the way home, or the pipeline's roles."""
    assert allows(deploy, action, resource, OURS) is answer


@pytest.mark.parametrize(
    ("resource", "actions"),
    [
        (f"{BUCKET}/{artifact_key(PREFIX, f'{LONG}-parser', SHA, UUID, 'p.zip')}", {"GetObject", "GetObjectVersion"}),
        (f"{BUCKET}/{verified_key(PREFIX, f'{LONG}-parser', SHA)}", {"GetObject", "PutObject"}),
        (f"{BUCKET}/{passed_key(PREFIX, f'{LONG}-parser', SHA, 'test')}", {"GetObject", "PutObject"}),
        (f"{BUCKET}/{artifact_key(PREFIX, 'neighbour-parser', SHA, UUID, 'p.zip')}", set()),
        (f"{BUCKET}/{snapshot_key(PREFIX, SHA)}", set()),
        (f"{BUCKET}/{tool_key(PREFIX, 'a' * 64)}", set()),
        ("states/thumbnails/terraform-test.tfstate", {"GetObject", "PutObject"}),
        ("states/thumbnails/terraform-test.tfstate.tflock", {"DeleteObject", "GetObject", "PutObject"}),
        ("states/thumbnails/terraform.tfstate", set()),
        ("states/thumbnails/terraform.tfstate.tflock", set()),
        ("states/neighbour/terraform-test.tfstate", set()),
    ],
)  # fmt: skip
def test_packages_are_read_and_states_are_kept(deploy: str, resource: str, actions: set[str]) -> None:
    """Who deploys writes no package, and only the states of environments; nothing goes to a bucket of somebody else."""
    every = ("GetObject", "GetObjectVersion", "PutObject", "DeleteObject", "DeleteObjectVersion")
    found = {action for action in every if allows(deploy, f"s3:{action}", f"arn:aws:s3:::{resource}", OURS)}
    assert found == actions
    theirs = {"aws:ResourceAccount": "210987654321"}
    assert not [action for action in every if allows(deploy, f"s3:{action}", f"arn:aws:s3:::{resource}", theirs)]


def test_no_function_gets_more_than_its_bound(planned: Planned, deploy: str) -> None:
    """Roles of functions are made with the bound only, and given to Lambda only; the bound lets them log and trace."""
    bound = functions_bound(planned)
    for action in ("iam:CreateRole", "iam:PutRolePolicy", "iam:PutRolePermissionsBoundary"):
        assert allows(deploy, action, OWN, {"iam:PermissionsBoundary": bound})
        assert not allows(deploy, action, OWN)
        # That of builds, which may read tokens and write packages, is not this one.
        assert not allows(deploy, action, OWN, {"iam:PermissionsBoundary": bound.replace("-functions", "-bound")})
    assert allows(deploy, "iam:PassRole", OWN, {"iam:PassedToService": "lambda.amazonaws.com"})
    assert not allows(deploy, "iam:PassRole", OWN, {"iam:PassedToService": "ec2.amazonaws.com"})
    builds = f"{ROLE}/{LONG[:42]}-65d52297-{REGION}"
    assert not allows(deploy, "iam:PassRole", builds, {"iam:PassedToService": "lambda.amazonaws.com"})
    most = str(planned.resources['module.roles.aws_iam_policy.functions["deploy"]']["policy"])
    assert allowed_actions(most) == {
        *("logs:CreateLogStream", "logs:PutLogEvents", "xray:PutTelemetryRecords", "xray:PutTraceSegments")
    }
    assert allows(most, "logs:PutLogEvents", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/{LONG}-test:log-stream:x")
    assert not allows(most, "logs:PutLogEvents", f"arn:aws:logs:{HERE}:log-group:/aws/codebuild/x:log-stream:x")
    assert not allows(most, "logs:PutLogEvents", f"arn:aws:logs:{HERE}:log-group:/aws/lambda/{WAY_HOME}:log-stream:x")


@pytest.mark.parametrize(
    ("subject", "answer"),
    [
        ("project_path:shop/thumbnails:ref_type:branch:ref:main", True),
        ("project_path:shop/thumbnails:ref_type:tag:ref:v1", False),
        ("project_path:shop/thumbnails:ref_type:branch:ref:feature", False),
        ("project_path:evil/thumbnails:ref_type:branch:ref:main", False),
    ],
)
def test_jobs_of_the_listed_refs_take_the_role(planned: Planned, subject: str, *, answer: bool) -> None:
    """By default the branch main of one project, and no other branch, tag or project."""
    trust = planned.resources['module.roles.aws_iam_role.this["deploy"]']["assume_role_policy"]
    gitlab = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/gitlab.com"}
    assert trusts(trust, gitlab, {"gitlab.com:aud": "https://gitlab.com", "gitlab.com:sub": subject}) is answer
