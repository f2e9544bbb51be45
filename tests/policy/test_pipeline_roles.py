"""The two roles of a pipeline: each call of the program is allowed to one of them, and next to nothing else is."""

from __future__ import annotations

import ast
from pathlib import Path

import botocore.session
import pytest
from botocore import xform_name
from iam import actions_of, allowed_actions, allows, listed, statements, trusts
from planned import BUCKET, KEY, LONG, REGION, ROLES_MODULE, Planned
from world import ACCOUNT, SHA, UUID

from orchestrator import effects, resources
from orchestrator.handback.record import record_key
from orchestrator.plan.names import AssembledId, artifact_key, assembled_key, snapshot_key, tool_key

STARTS = ("codebuild", "logs", "s3")
PROJECT = f"arn:aws:codebuild:{REGION}:{ACCOUNT}:project/{LONG}-parser"
ROLE = f"arn:aws:iam::{ACCOUNT}:role"
OURS = {"aws:ResourceAccount": ACCOUNT}
PREFIX = "packages"
MADE = AssembledId(f"{LONG}-parser", SHA, UUID)
THROUGH_S3 = {
    "kms:ViaService": f"s3.{REGION}.amazonaws.com",
    "kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}",
}


def bound_arn(planned: Planned) -> str:
    """Return the ARN that the boundary will have."""
    name = planned.resources["module.roles.aws_iam_policy.boundary"]["name"]
    return f"arn:aws:iam::{ACCOUNT}:policy/orchestrator/{name}"


def called() -> set[tuple[str, str]]:
    """Return every operation of AWS that the jobs of the two roles call, with its service.

    What only people call lies in `effects.account`; whoever deploys has a role of their own (test_deploy_role.py).

    The services are the words that clients are made with; an operation is called as a method, or by its name in words.
    """
    files = [file for file in Path(effects.__file__).parent.glob("*.py") if file.name != "functions.py"]
    trees = [ast.parse(file.read_text("utf-8")) for file in files]
    nodes = [node for tree in trees for node in ast.walk(tree)]
    words = {node.value for node in nodes if isinstance(node, ast.Constant) and isinstance(node.value, str)}
    methods = {node.func.attr for node in nodes if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)}
    session = botocore.session.get_session()
    made = {
        str(node.args[0].value)
        for node in nodes
        if isinstance(node, ast.Call) and node.args and isinstance(node.args[0], ast.Constant)
    }
    return {
        (service, name)
        for service in made & set(session.get_available_services())
        for name in session.get_service_model(service).operation_names
        if xform_name(name) in methods | words
    }


def test_every_call_is_allowed_and_nothing_that_is_not_called(start: str, apply: str) -> None:
    """A call that is added to the program, or taken away, shows here before it shows in a pipeline."""
    found = called()
    assert ("codebuild", "StartBuild") in found
    assert ("ssm", "DescribeParameters") in found
    needed = {action for service, name in found if service in STARTS for action in actions_of(service, name)}
    # The same call reads a version; S3 asks for the key of the bucket on behalf of the caller.
    assert allowed_actions(start) == needed | {"s3:GetObjectVersion", "kms:Decrypt", "kms:GenerateDataKey"}
    rest = {action for service, name in found if service not in STARTS for action in actions_of(service, name)}
    assert rest <= allowed_actions(apply)


@pytest.mark.parametrize(
    ("role", "actions", "key"),
    [
        ("start", {"s3:GetObject", "s3:PutObject"}, snapshot_key(PREFIX, SHA)),
        ("start", {"s3:GetObject", "s3:GetObjectVersion"}, artifact_key(PREFIX, f"{LONG}-parser", SHA, UUID, "p.zip")),
        ("start", {"s3:GetObject", "s3:GetObjectVersion", "s3:PutObject"}, assembled_key(PREFIX, MADE, "p.zip")),
        ("start", {"s3:GetObject", "s3:PutObject"}, record_key(PREFIX, f"{LONG}-parser", UUID)),
        ("start", set(), tool_key(PREFIX, "a" * 64)),
        ("start", set(), f"{PREFIX}/wheels/{LONG}-parser/x.whl"),
        ("start", set(), artifact_key(PREFIX, "neighbour-parser", SHA, UUID, "p.zip")),
        ("start", set(), artifact_key("", f"{LONG}-parser", SHA, UUID, "p.zip")),
        ("apply", {"s3:GetObject", "s3:PutObject"}, tool_key(PREFIX, "a" * 64)),
        ("apply", set(), snapshot_key(PREFIX, SHA)),
        ("apply", set(), artifact_key(PREFIX, f"{LONG}-parser", SHA, UUID, "p.zip")),
    ],
)
def test_each_role_reaches_its_own_keys(start: str, apply: str, role: str, actions: set[str], key: str) -> None:
    """Who starts builds writes no package and no tool; who applies writes the tool only; nobody deletes."""
    policy = {"start": start, "apply": apply}[role]
    all_actions = ("s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", "s3:DeleteObject", "s3:DeleteObjectVersion")
    resource = f"arn:aws:s3:::{BUCKET}/{key}"
    assert {action for action in all_actions if allows(policy, action, resource, OURS)} == actions
    assert not [action for action in all_actions if allows(policy, action, resource, {"aws:ResourceAccount": "1"})]


@pytest.mark.parametrize("end", ["", ".tflock"])
def test_the_state_is_kept_in_a_bucket_of_this_account(apply: str, end: str) -> None:
    """Who owns the bucket of the state decides what Terraform destroys: it is nobody else."""
    resource = f"arn:aws:s3:::states/thumbnails/terraform.tfstate{end}"
    for action, at in (
        ("s3:ListBucket", "arn:aws:s3:::states"),
        ("s3:GetObject", resource),
        ("s3:PutObject", resource),
    ):
        assert allows(apply, action, at, OURS)
        assert not allows(apply, action, at, {"aws:ResourceAccount": "210987654321"})


@pytest.mark.parametrize(
    ("key", "change", "answer"),
    [
        (KEY, {}, True),
        (KEY, {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}/packages/x"}, True),
        (KEY, {"kms:EncryptionContext:aws:s3:arn": f"arn:aws:s3:::{BUCKET}2"}, False),
        (KEY, {"kms:ViaService": f"secretsmanager.{REGION}.amazonaws.com"}, False),
        (f"{KEY}0", {}, False),
    ],
)
def test_the_key_of_the_bucket_is_for_the_bucket(
    planned: Planned, key: str, change: dict[str, str], *, answer: bool
) -> None:
    """Whoever reads or writes packages uses their key for that, through S3, and for nothing else."""
    own = {at: values for at, values in planned.of("aws_iam_role_policy").items() if ".reach[" not in at}
    policies = [str(values["policy"]) for values in own.values()]
    assert len(policies) == 9
    for policy in policies:
        for action in ("kms:Decrypt", "kms:GenerateDataKey"):
            assert allows(policy, action, key, {**THROUGH_S3, **change}) is answer


@pytest.mark.parametrize(
    ("role", "service", "answer"),
    [
        (f"{LONG[:42]}-65d52297-{REGION}", "codebuild.amazonaws.com", True),
        (f"{LONG[:42]}-65d52297-{REGION}", "lambda.amazonaws.com", False),
        (f"{LONG[:42]}-65d52297-{REGION}", "ec2.amazonaws.com", False),
        ("admin", "codebuild.amazonaws.com", False),
        (f"orchestrator/{LONG[:33]}-1acaae84-{REGION}-apply", "codebuild.amazonaws.com", False),
        (f"thumbnails-of-the-whole-shop-in-a-1acaae84-handback-{REGION}", "lambda.amazonaws.com", True),
        (f"thumbnails-of-the-whole-shop-in-a-1acaae84-handback-{REGION}", "codebuild.amazonaws.com", False),
    ],
)
def test_roles_are_passed_to_their_service_only(apply: str, role: str, service: str, *, answer: bool) -> None:
    """Prebuild gives builds the roles of builds and the function its own, and nobody anything else."""
    assert allows(apply, "iam:PassRole", f"{ROLE}/{role}", {"iam:PassedToService": service}) is answer


def test_no_role_is_made_or_changed_unbound(planned: Planned, apply: str) -> None:
    """Without the boundary no role gets a permission; the boundary itself, and the two roles, are out of reach."""
    bound = bound_arn(planned)
    role = f"{ROLE}/{LONG[:42]}-65d52297-{REGION}"
    for action in ("iam:CreateRole", "iam:PutRolePolicy"):
        assert allows(apply, action, role, {"iam:PermissionsBoundary": bound})
        assert not allows(apply, action, role)
        assert not allows(apply, action, role, {"iam:PermissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/mine"})
    assert not allowed_actions(apply) & {
        "iam:DeleteRolePermissionsBoundary",
        "iam:AttachRolePolicy",
        "iam:CreatePolicyVersion",
    }
    for ours in ("apply", "start", "deploy"):
        name = planned.resources[f'module.roles.aws_iam_role.this["{ours}"]']["name"]
        for action in allowed_actions(apply):
            context = {"iam:PermissionsBoundary": bound, "iam:PassedToService": "codebuild.amazonaws.com"}
            if action.startswith("iam:"):
                assert not allows(apply, action, f"{ROLE}/orchestrator/{name}", context)


def test_what_is_planned_may_be_made(planned: Planned, apply: str) -> None:
    """The names that the role may use are the names that the root uses, also where they are cut."""
    here = f"{REGION}:{ACCOUNT}"
    bound = bound_arn(planned)
    makers = {
        "aws_cloudwatch_event_rule": ("events:PutRule", f"arn:aws:events:{here}:rule/%s", "name"),
        "aws_cloudwatch_log_group": ("logs:CreateLogGroup", f"arn:aws:logs:{here}:log-group:%s", "name"),
        "aws_cloudwatch_metric_alarm": (
            "cloudwatch:PutMetricAlarm",
            f"arn:aws:cloudwatch:{here}:alarm:%s",
            "alarm_name",
        ),
        "aws_codebuild_project": ("codebuild:CreateProject", f"arn:aws:codebuild:{here}:project/%s", "name"),
        "aws_iam_role": ("iam:CreateRole", f"{ROLE}/%s", "name"),
        "aws_lambda_function": ("lambda:CreateFunction", f"arn:aws:lambda:{here}:function:%s", "function_name"),
        "aws_s3_bucket": ("s3:CreateBucket", "arn:aws:s3:::%s", "bucket"),
        "aws_sqs_queue": ("sqs:CreateQueue", f"arn:aws:sqs:{here}:%s", "name"),
    }
    for kind, (action, arn, key) in makers.items():
        made = {name: values for name, values in planned.of(kind).items() if "module.roles" not in name}
        assert made
        for values in made.values():
            assert allows(apply, action, arn % values[key], {"iam:PermissionsBoundary": bound}), values[key]
            assert not allows(apply, action, arn % f"neighbour-{values[key]}", {"iam:PermissionsBoundary": bound})


def test_the_bound_takes_nothing_that_is_needed(planned: Planned) -> None:
    """Whatever the roles of builds and function allow, the boundary allows as well, and it allows nothing more."""
    bound = str(planned.resources["module.roles.aws_iam_policy.boundary"]["policy"])
    through_ssm = {
        "kms:ViaService": f"ssm.{REGION}.amazonaws.com",
        "kms:EncryptionContext:PARAMETER_ARN": f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/gitlab/pat",
        "ec2:AuthorizedService": "codebuild.amazonaws.com",
        "ec2:Subnet": f"arn:aws:ec2:{REGION}:{ACCOUNT}:subnet/subnet-0a1b2c3d",
    }
    used = set()
    made = [values for name, values in planned.of("aws_iam_role_policy").items() if "module.roles" not in name]
    for values in made:
        for one in statements(values["policy"]):
            context = THROUGH_S3 if one["Sid"] == "UseKeyOfBucket" else through_ssm
            for action in listed(one["Action"]):
                used.add(action)
                for resource in listed(one["Resource"]):
                    assert allows(bound, action, resource.replace("*", "x"), context), (action, resource)
    assert allowed_actions(bound) == used


@pytest.mark.parametrize(
    ("role", "subject", "answer"),
    [
        ("apply", "project_path:shop/thumbnails:ref_type:branch:ref:main", True),
        ("apply", "project_path:shop/thumbnails:ref_type:tag:ref:main", False),
        ("apply", "project_path:shop/thumbnails:ref_type:branch:ref:main2", False),
        ("apply", "project_path:shop/thumbnails:ref_type:branch:ref:feature", False),
        ("apply", "project_path:shop/thumbnails:ref_type:tag:ref:v1", False),
        ("apply", "project_path:evil/thumbnails:ref_type:branch:ref:main", False),
        ("apply", "project_path:shop/thumbnails2:ref_type:branch:ref:main", False),
        ("start", "project_path:shop/thumbnails:ref_type:branch:ref:main", True),
        ("start", "project_path:shop/thumbnails:ref_type:tag:ref:v1.2", True),
        ("start", "project_path:shop/thumbnails:ref_type:branch:ref:v1.2", False),
        ("start", "project_path:evil/shop/thumbnails:ref_type:branch:ref:main", False),
    ],
)
def test_jobs_of_the_listed_refs_take_the_roles(planned: Planned, role: str, subject: str, *, answer: bool) -> None:
    """A token of another project, ref or kind of ref opens nothing, nor one that was made for somebody else."""
    trust = planned.resources[f'module.roles.aws_iam_role.this["{role}"]']["assume_role_policy"]
    gitlab = {"Federated": f"arn:aws:iam::{ACCOUNT}:oidc-provider/gitlab.com"}
    token = {"gitlab.com:aud": "https://gitlab.com", "gitlab.com:sub": subject}
    assert trusts(trust, gitlab, token) is answer
    assert not trusts(trust, gitlab, {**token, "gitlab.com:aud": "https://elsewhere.example"})
    assert not trusts(trust, gitlab, {"gitlab.com:sub": subject})
    assert not trusts(trust, {"Federated": "arn:aws:iam::1:oidc-provider/evil.example"}, token)


def test_the_roles_are_no_part_of_the_root() -> None:
    """What prebuild applies with its role does not hold that role."""
    assert ROLES_MODULE.is_dir()
    assert not [name for name in resources.terraform_files() if "pipeline-roles" in name]
