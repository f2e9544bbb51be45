"""How names, paths and URLs are written: each function returns its text, or says what it expected."""

from __future__ import annotations

import re
import unicodedata
from pathlib import PurePosixPath

STORED_PATTERN = r"^arn:[a-z-]+:secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]{1,512}$"
FLEET_PATTERN = r"^arn:[a-z-]+:codebuild:[a-z0-9-]+:[0-9]{12}:fleet/[A-Za-z0-9_-]{2,128}(:[A-Za-z0-9-]{1,64})?$"
PRICED_MACHINE_PATTERN = (
    r"^((general1|arm1)[.](small|medium|large|xlarge|2xlarge)|lambda[.](arm|x86)[.](1|2|4|8|10)GB)$"
)
VPC_PATTERN = r"^vpc-[0-9a-f]{8,17}$"
SUBNET_PATTERN = r"^subnet-[0-9a-f]{8,17}$"
SECURITY_GROUP_PATTERN = r"^sg-[0-9a-f]{8,17}$"
NAME_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
TOPIC_PATTERN = r"^arn:[a-z-]+:sns:[a-z0-9-]+:[0-9]{12}:[A-Za-z0-9_-]{1,256}$"
KEY_PATTERN = r"^arn:[a-z-]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+$"
POLICY_PATTERN = r"^arn:[a-z-]+:iam::(aws|[0-9]{12}):policy/[A-Za-z0-9+=,.@_/-]{1,640}$"
REGION_PATTERN = r"^[a-z]{2,4}(-[a-z]+)+-[0-9]{1,2}$"
BUCKET_PATTERN = r"^[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$"
PREFIX_PATTERN = r"^([A-Za-z0-9_.-]+(/[A-Za-z0-9_.-]+)*)?$"
PARAMETER_PATTERN = r"^(/[A-Za-z0-9_.-]+){1,15}$"
PROJECT_PATTERN = r"^([1-9][0-9]*|[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+)$"
GITLAB_PATH_PATTERN = r"^[A-Za-z0-9_][A-Za-z0-9_.-]*(/[A-Za-z0-9_][A-Za-z0-9_.-]*)+$"
REFS_PATTERN = r"^[^\s$:~^\[\\-][^\s$:~^\[\\]{0,254}$"
AUDIENCE_PATTERN = r"^[A-Za-z0-9:/._-]{1,255}$"
BUILDS_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{1,148}[A-Za-z0-9_*-]$"
FUNCTIONS_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,62}[A-Za-z0-9_*-]$"
REPOSITORY_PATTERN = r"^arn:[a-z-]+:ecr:[a-z0-9-]+:[0-9]{12}:repository/[a-z0-9._/-]{2,256}$"
STATE_NAME_PATTERN = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,127}$"
URL_PATTERN = r"^https?://[A-Za-z0-9._-]+(:[0-9]{1,5})?(/[A-Za-z0-9._~%+-]+)*/?$"
SHA_PATTERN = r"^[0-9a-f]{40}$"
ID_PATTERN = r"^[1-9][0-9]{0,18}$"

_IPV6_URL = re.compile(r"https?://\[[0-9A-Fa-f:.]{2,45}\](?::[0-9]{1,5})?(?:/[A-Za-z0-9._~%+-]+)*/?")
_TAG_TEXT = re.compile(r"[\w .:/=+@-]*")


def matches(pattern: str, text: str) -> bool:
    """Tell whether the whole of `text` has the form of `pattern` (`$` alone would let a line feed pass)."""
    return re.fullmatch(pattern.removeprefix("^").removesuffix("$"), text, re.ASCII) is not None


def name(text: str) -> str:
    """Name of a project or package: two of them and a hyphen stay below CodeBuild's 150 characters."""
    if not matches(NAME_PATTERN, text):
        raise ValueError("expected 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit")
    return text


def priced_machine(text: str) -> str:
    """Name of a machine as AWS's price list of CodeBuild has it."""
    if not matches(PRICED_MACHINE_PATTERN, text):
        raise ValueError(
            "expected a machine such as `arm1.small`, `general1.2xlarge` (x86), `lambda.arm.2GB` or `lambda.x86.2GB`"
        )
    return text


def region(text: str) -> str:
    """Code of an AWS region, any partition."""
    if not matches(REGION_PATTERN, text):
        raise ValueError("expected the code of an AWS region such as `eu-central-1`")
    return text


def bucket(text: str) -> str:
    """Name of a general purpose bucket (S3 docs: bucket naming rules)."""
    if not matches(BUCKET_PATTERN, text):
        raise ValueError(
            "expected the name of an S3 bucket: 3 to 63 lower-case letters, digits, dots and hyphens, "
            "beginning and ending with a letter or digit"
        )
    if ".." in text or ".-" in text or "-." in text or re.fullmatch(r"\d+\.\d+\.\d+\.\d+", text):
        raise ValueError(
            "expected the name of an S3 bucket, which has a letter or digit on both sides of each dot "
            "and is not an IP address"
        )
    if text.startswith(("xn--", "sthree-", "amzn-s3-demo-")) or text.endswith(
        ("-s3alias", "--ol-s3", ".mrap", "--x-s3", "--table-s3")
    ):
        raise ValueError("expected the name of an S3 bucket without a beginning or ending that S3 keeps for itself")
    return text


def prefix(text: str) -> str:
    """Beginning of every S3 key; empty, or parts joined by single slashes."""
    if not matches(PREFIX_PATTERN, text) or len(text) > 200:
        raise ValueError("expected at most 200 letters, digits and `_ . -`, with single slashes only between them")
    if {".", ".."} & set(text.split("/")):
        raise ValueError("expected a key prefix without `.` or `..` as a part of its own")
    return text


def parameter(text: str) -> str:
    """Full name of a parameter in the SSM Parameter Store (SSM docs: parameter naming constraints)."""
    if not matches(PARAMETER_PATTERN, text) or len(text) > 900:
        raise ValueError(
            "expected the full name of an SSM parameter such as `/gitlab/pat`: a slash, then letters, "
            "digits and `_ . -`, in at most 15 levels"
        )
    if text.lower().startswith(("/aws", "/ssm")):
        raise ValueError("expected an SSM parameter outside `/aws` and `/ssm`, which AWS keeps for itself")
    return text


def path(text: str) -> str:
    """Relative POSIX path inside the repository; returned without `./` and doubled slashes."""
    if not text or text.startswith(("/", "~")) or "\\" in text or ".." in text.split("/"):
        raise ValueError("expected a path relative to the folder of orchestrator.yml, with `/` and without `..`")
    if any(unicodedata.category(character)[0] in "CZ" and character != " " for character in text):
        raise ValueError("expected a path without invisible characters")
    if any(part.startswith("-") for part in text.split("/")):
        raise ValueError("expected a path without a part that begins with `-`, which reads like an option")
    if len(text.encode()) > 1024:
        raise ValueError("expected a path of at most 1024 bytes")
    return str(PurePosixPath(text))


def url(text: str) -> str:
    """Address of a GitLab server or project, without a closing slash; credentials have no place in it."""
    if re.match(r"[^/]*:?//[^/]*@", text):
        raise ValueError("expected a URL without credentials; tokens belong into the SSM Parameter Store")
    if not (matches(URL_PATTERN, text) or _IPV6_URL.fullmatch(text)) or len(text) > 1024:
        raise ValueError("expected an address such as `https://gitlab.com`, without query and fragment")
    port = re.match(r"https?://(?:\[.*\]|[^:/]*):(\d+)", text)
    if port and not 0 < int(port.group(1)) < 65536:
        raise ValueError("expected a port from 1 to 65535 in the address")
    if {".", ".."} & set(text.split("/")):
        raise ValueError("expected an address without `.` or `..` as a part of its path")
    return text.rstrip("/")


def gitlab_project(text: str) -> str:
    """Numeric id of a GitLab project, or its full path `group/name`."""
    if not matches(PROJECT_PATTERN, text) or len(text) > 1024:
        raise ValueError("expected the id of a GitLab project or its path such as `group/name`")
    return text


def gitlab_path(text: str) -> str:
    """Full path of a GitLab project; it becomes a part of an IAM condition, where a wildcard would mean more."""
    if not matches(GITLAB_PATH_PATTERN, text) or len(text) > 1024:
        raise ValueError("expected the full path of a GitLab project such as `group/name`")
    return text


def refs(text: str) -> str:
    """Branch or tag, or many of them by `*` and `?`, as IAM compares them; git allows none of the others."""
    if not matches(REFS_PATTERN, text):
        raise ValueError("expected the name of a branch or tag such as `main` or `release/*`")
    return text


def issuer(text: str) -> str:
    """Address that AWS fetches the keys of a GitLab server's tokens from (IAM API: CreateOpenIDConnectProvider)."""
    address = url(text)
    if not address.startswith("https://") or re.search(r":\d+(/|$)", address) or "[" in address:
        raise ValueError("expected an address that AWS can reach: `https://`, a name, and no port")
    return address


def audience(text: str) -> str:
    """Audience of the tokens of jobs: the claim `aud`."""
    if not matches(AUDIENCE_PATTERN, text):
        raise ValueError("expected an audience such as `https://gitlab.com`: 1 to 255 letters, digits and `: / . _ -`")
    return text


def builds(text: str) -> str:
    """Name of a CodeBuild project, or what many names begin with and a `*`."""
    if not matches(BUILDS_PATTERN, text):
        raise ValueError("expected the name of a CodeBuild project such as `shop-parser`, or `shop-*`")
    return text


def functions(text: str) -> str:
    """Name of a Lambda function or layer, or what many names begin with and a `*`."""
    if not matches(FUNCTIONS_PATTERN, text):
        raise ValueError("expected the name of a Lambda function such as `shop-parser-test`, or `shop-*`")
    return text


def repository_arn(text: str) -> str:
    """ARN of a repository of Amazon ECR."""
    if not matches(REPOSITORY_PATTERN, text):
        raise ValueError("expected the ARN of a repository, `arn:aws:ecr:<region>:<account>:repository/<name>`")
    return text


def topic(text: str) -> str:
    """ARN of an SNS topic."""
    if not matches(TOPIC_PATTERN, text):
        raise ValueError("expected the ARN of an SNS topic such as `arn:aws:sns:eu-central-1:123456789012:builds`")
    return text


def key_arn(text: str) -> str:
    """ARN of a KMS key; an alias is none, because IAM compares keys."""
    if not matches(KEY_PATTERN, text):
        raise ValueError("expected the ARN of a KMS key, `arn:aws:kms:<region>:<account>:key/<id>`")
    return text


def policy_arn(text: str) -> str:
    """ARN of a managed IAM policy (IAM docs: a name of 128 characters below a path of 512)."""
    if not matches(POLICY_PATTERN, text):
        raise ValueError("expected the ARN of an IAM policy such as `arn:aws:iam::123456789012:policy/build-bound`")
    return text


def secret_arn(text: str) -> str:
    """ARN of a secret in Secrets Manager."""
    if not matches(STORED_PATTERN, text):
        raise ValueError("expected the ARN of a secret, `arn:aws:secretsmanager:<region>:<account>:secret:<name>`")
    return text


def fleet(text: str) -> str:
    """ARN of a CodeBuild fleet."""
    if not matches(FLEET_PATTERN, text):
        raise ValueError("expected the ARN of a fleet, `arn:aws:codebuild:<region>:<account>:fleet/<name>:<id>`")
    return text


def vpc_id(text: str) -> str:
    """Id of a VPC."""
    if not matches(VPC_PATTERN, text):
        raise ValueError("expected the id of a VPC such as `vpc-0a1b2c3d`")
    return text


def subnet_id(text: str) -> str:
    """Id of a subnet; it becomes a part of an IAM resource."""
    if not matches(SUBNET_PATTERN, text):
        raise ValueError("expected the id of a subnet such as `subnet-0a1b2c3d`")
    return text


def security_group_id(text: str) -> str:
    """Id of a security group."""
    if not matches(SECURITY_GROUP_PATTERN, text):
        raise ValueError("expected the id of a security group such as `sg-0a1b2c3d`")
    return text


def state_name(text: str) -> str:
    """Name of a Terraform state that GitLab keeps; it becomes a part of a URL."""
    if not matches(STATE_NAME_PATTERN, text):
        raise ValueError("expected 1 to 128 letters, digits and `_ . -`, not beginning with a dot")
    return text


def state_key(text: str) -> str:
    """S3 key of a Terraform state: a prefix that is not empty."""
    if not text:
        raise ValueError("expected the S3 key of the state such as `parser/terraform.tfstate`")
    return prefix(text)


def tag_key(text: str) -> str:
    """Key of an AWS tag (AWS docs: tag naming limits); ours and those of AWS cannot be set."""
    if not 1 <= len(text) <= 128 or not _TAG_TEXT.fullmatch(text):
        raise ValueError("expected a tag key of 1 to 128 letters, digits, spaces and `_ . : / = + - @`")
    if text.lower().startswith("aws:"):
        raise ValueError("keys beginning with `aws:` are kept by AWS for itself")
    if text.lower().startswith("orchestrator-") or text == "editor":
        raise ValueError("this tag is written by the orchestrator itself")
    return text


def tag_value(text: str) -> str:
    """Value of an AWS tag; it may be empty."""
    if len(text) > 256 or not _TAG_TEXT.fullmatch(text):
        raise ValueError("expected at most 256 letters, digits, spaces and `_ . : / = + - @`")
    return text
