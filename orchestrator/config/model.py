"""The shape of `orchestrator.yml` once everything that was left out is filled in."""

from __future__ import annotations

from collections.abc import Mapping

from pydantic import Field

from orchestrator.config.fields import (
    Bucket,
    Dollars,
    GitLabProject,
    KeyArn,
    LogRetention,
    Model,
    Name,
    Parameter,
    PolicyArn,
    Prefix,
    PricedMachine,
    Region,
    RelativePath,
    RuntimeName,
    StateKey,
    StateName,
    TagKey,
    TagValue,
    Topic,
    Url,
    Version,
)
from orchestrator.config.package_model import BuildDefaults, Package
from orchestrator.config.runtime_model import RuntimeRow
from orchestrator.vocabulary import Return, Source, StateBackend


class Artifacts(Model):
    """Where packages are kept."""

    bucket: Bucket | None = Field(
        default=None,
        description="S3 bucket; by default one is created, named after project, account and region.",
    )
    key_arn: KeyArn | None = Field(
        default=None,
        description="KMS key that the bucket is encrypted with; by default `aws/s3`, which needs no permission.",
    )
    managed: bool = Field(
        description="Whether the bucket is created and owned by this configuration; "
        "by default yes when `bucket` is omitted, no when it is named."
    )
    prefix: Prefix = Field(default="", description="Beginning of every key in the bucket.", examples=["teams/payments"])
    retention_days: int = Field(
        default=30, ge=1, le=3650, description="Days for which a package is kept, in a managed bucket."
    )


class Trigger(Model):
    """The GitLab trigger that brings the result home."""

    token_parameter: Parameter = Field(
        description="SSM parameter that holds the trigger token; by default `/gitlab/trigger/<project>`. "
        "Nobody reads it with `return: wait`."
    )


class Handback(Model):
    """The function that tells GitLab when a build has ended, with `return: event`."""

    inputs: bool = Field(
        default=True,
        description="Whether the build id is offered as the pipeline input `orchestrator_build_id` first, "
        "which needs GitLab 17.11; as the variable `ORCHESTRATOR_BUILD_ID` only, if not.",
    )
    alarm_topic_arn: Topic | None = Field(default=None, description="SNS topic that the alarms are sent to.")
    log_retention_days: LogRetention = Field(default=30, description="Days for which the function's log is kept.")
    log_key_arn: KeyArn | None = Field(default=None, description="KMS key of the function's log.")
    token_key_arn: KeyArn | None = Field(default=None, description="KMS key that the trigger token is encrypted with.")
    reserved_concurrency: int | None = Field(
        default=None, ge=1, le=1000, description="Runs of the function that are kept free for it, and are its limit."
    )


class Clone(Model):
    """How a build clones the repository, with `source: clone`."""

    username_parameter: Parameter = Field(
        default="/gitlab/username", description="SSM parameter that holds the user name."
    )
    token_parameter: Parameter = Field(
        default="/gitlab/pat", description="SSM parameter that holds a token that may read the repository."
    )
    url: Url = Field(
        description="Address to clone, without credentials; by default that of the GitLab project.",
        examples=["https://gitlab.com/group/name.git"],
    )


class Terraform(Model):
    """Where Terraform keeps what it knows."""

    state: StateBackend = Field(
        strict=False,
        description="`gitlab`: state kept by GitLab, the default in GitLab CI. `s3`: in a bucket. "
        "`local`: in a file, the default elsewhere.",
    )
    path: RelativePath = Field(
        default=".orchestrator/terraform.tfstate", description="File of the state, with `local`."
    )
    bucket: Bucket | None = Field(default=None, description="Bucket of the state, with `s3`; must exist.")
    key: StateKey = Field(description="Key of the state, with `s3`; by default `<project>/terraform.tfstate`.")
    region: Region = Field(description="Region of the bucket, with `s3`; by default `region`.")
    use_lockfile: bool = Field(default=True, description="Whether the state is locked, with `s3`.")
    name: StateName = Field(description="Name of the state, with `gitlab`; by default `project`.")
    lock_timeout_seconds: int = Field(
        default=300, ge=0, le=3600, description="Seconds to wait for somebody else's lock on the state."
    )


class GitLab(Model):
    """The GitLab project; in GitLab CI both values are known."""

    url: Url = Field(description="Address of the server; by default `CI_SERVER_URL`, else `https://gitlab.com`.")
    project: GitLabProject | None = Field(
        default=None,
        description="Id or path of the project; by default `CI_PROJECT_ID`.",
        examples=[12345, "group/name"],
    )

    @property
    def api_url(self) -> str:
        """Root of the REST API, version 4."""
        return f"{self.url}/api/v4"


class MachinePrice(Model):
    """What a machine of CodeBuild costs you."""

    per_minute: Dollars = Field(description="US dollars for a minute.", examples=[0.0034])


class Configuration(Model):
    """Everything `orchestrator.yml` says, complete: defaults and CI variables are filled in."""

    version: Version = Field(default=1, description="Version of this format.")
    project: Name = Field(
        description="Name of the project, beginning of all names in AWS; by default `CI_PROJECT_PATH_SLUG`, "
        "else the name of the directory.",
        examples=["lxml-function"],
    )
    region: Region = Field(
        description="AWS region; by default `AWS_REGION`, else `AWS_DEFAULT_REGION`.",
        examples=["eu-central-1"],
    )
    packages: Mapping[Name, Package] = Field(
        min_length=1,
        max_length=100,
        description="What is built: a name and its settings each. `{}` takes every default.",
        examples=[{"parser": {"architecture": "arm64"}}],
    )
    runtimes: Mapping[RuntimeName, RuntimeRow] = Field(
        default={},
        max_length=50,
        description="Lambda runtimes that the built-in table lacks, or corrections of it.",
        examples=[{"python3.15": {"system": "Amazon Linux 2023", "python": "3.15"}}],
    )
    build: BuildDefaults = Field(
        default_factory=BuildDefaults, description="How CodeBuild runs the builds of all packages."
    )
    supersede: bool = Field(
        default=False,
        description="Whether `build` stops running builds of older commits of the same branch or tag.",
    )
    artifacts: Artifacts = Field(description="Where packages are kept.")
    return_: Return = Field(
        default=Return.TRIGGER,
        alias="return",
        strict=False,
        description="Who brings the result home. `trigger`: the build, with a GitLab trigger token. "
        "`event`: a function that AWS calls when the build has ended, in whatever way. "
        "`wait`: the job `build`, which waits for it; the same pipeline goes on with the package.",
    )
    trigger: Trigger = Field(description="The GitLab trigger that brings the result home.")
    handback: Handback | None = Field(
        default=None, description="The function that tells GitLab, only with `return: event`."
    )
    source: Source = Field(
        default=Source.SNAPSHOT,
        strict=False,
        description="How the commit reaches the build. `snapshot`: archived in S3. `clone`: by git from GitLab.",
    )
    clone: Clone | None = Field(default=None, description="How to clone, only with `source: clone`.")
    terraform: Terraform = Field(description="Where Terraform keeps what it knows.")
    gitlab: GitLab = Field(description="The GitLab project; in GitLab CI it is known.")
    permissions_boundary: PolicyArn | None = Field(
        default=None,
        description="IAM policy that bounds every role that prebuild makes.",
        examples=["arn:aws:iam::123456789012:policy/orchestrator/parser-eu-central-1-bound"],
    )
    prices: Mapping[PricedMachine, MachinePrice] = Field(
        default={},
        max_length=20,
        description="Prices of build machines, where the built-in table has none or another one. "
        "They are shown, and decide nothing.",
        examples=[{"arm1.small": {"per_minute": 0.0034}}],
    )
    functions_boundary: PolicyArn | None = Field(
        default=None,
        description="IAM policy that bounds the role of every function that `orchestrator deploy` deploys.",
        examples=["arn:aws:iam::123456789012:policy/orchestrator/parser-eu-central-1-functions"],
    )
    tags: Mapping[TagKey, TagValue] = Field(
        default={},
        max_length=40,
        description="Tags for everything that is created in AWS.",
        examples=[{"team": "payments"}],
    )
