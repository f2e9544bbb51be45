"""The shape of `platform.yml` once everything that was left out is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from orchestrator.config.fields import (
    Audience,
    Bucket,
    Builds,
    Functions,
    GitLabPath,
    Issuer,
    Model,
    Name,
    Parameter,
    PolicyArn,
    Refs,
    Region,
    RepositoryArn,
    SecretArn,
    SecurityGroupId,
    SubnetId,
    TagKey,
    TagValue,
    Url,
    Version,
)
from orchestrator.vocabulary import Return


class PlatformGitLab(Model):
    """The GitLab server whose jobs get into the account."""

    url: Url = Field(default="https://gitlab.com", description="Address of the server.")
    issuer: Issuer = Field(description="What the jobs' tokens say in `iss`; by default `url`.")
    audience: Audience = Field(description="What the jobs' tokens say in `aud`; by default `issuer`.")


class RoleRefs(Model):
    """Branches and tags, by name or with `*` and `?`. All of them must be protected in GitLab."""

    branches: tuple[Refs, ...] = Field(
        default=("main",), strict=False, max_length=50, description="Branches whose jobs take the role."
    )
    tags: tuple[Refs, ...] = Field(
        default=(), strict=False, max_length=50, description="Tags whose jobs take the role.", examples=[["v*"]]
    )


class ProjectRefs(Model):
    """Whose jobs take which role."""

    apply: RoleRefs = Field(
        default_factory=RoleRefs, description="Refs whose job `prebuild` may change CodeBuild projects."
    )
    start: RoleRefs = Field(default_factory=RoleRefs, description="Refs whose other jobs may start and read builds.")


class Deploying(Model):
    """The role of the jobs that deploy a project, and the bound of what they deploy."""

    functions: tuple[Functions, ...] | None = Field(
        default=None,
        strict=False,
        min_length=1,
        max_length=50,
        description="Names that its Terraform gives to functions and layers; by default all that begin with `<name>-`.",
        examples=[["shop-parser-*"]],
    )
    boundary: PolicyArn | None = Field(
        default=None,
        description="IAM policy that bounds the roles of its functions; by default one that lets a function write its "
        "log and send traces.",
    )
    policies: tuple[PolicyArn, ...] = Field(
        default=(),
        strict=False,
        max_length=9,
        description="IAM policies for what else its Terraform makes, such as queues.",
    )
    refs: RoleRefs = Field(default_factory=RoleRefs, description="Refs whose jobs `test` and `deploy` take the role.")


class Network(Model):
    """The network that builds may join."""

    subnets: Annotated[tuple[SubnetId, ...], Field(strict=False, min_length=1, max_length=16)] = Field(
        description="Its subnets."
    )
    security_groups: Annotated[tuple[SecurityGroupId, ...], Field(strict=False, min_length=1, max_length=5)] = Field(
        description="Security groups of the builds."
    )


class Reach(Model):
    """What builds may be given in `orchestrator.yml`, besides their own things."""

    cache: bool = Field(default=False, description="Whether builds may have a `cache` in S3.")
    network: Network | None = Field(default=None, description="The network of builds with `vpc`.")
    image_repositories: tuple[RepositoryArn, ...] = Field(
        default=(),
        strict=False,
        max_length=20,
        description="Repositories of Amazon ECR with images for builds.",
        examples=[["arn:aws:ecr:eu-central-1:123456789012:repository/team/builder"]],
    )
    registry_credentials: tuple[SecretArn, ...] = Field(
        default=(), strict=False, max_length=20, description="Secrets with credentials of other registries."
    )


class PlatformProject(Model):
    """One GitLab project."""

    name: Name = Field(
        description="`project` of its orchestrator.yml, and what its things in AWS begin with; by default the path in "
        "lower case with hyphens (`CI_PROJECT_PATH_SLUG`)."
    )
    refs: ProjectRefs = Field(default_factory=ProjectRefs, description="Whose jobs take which role.")
    return_: Return = Field(
        default=Return.TRIGGER,
        alias="return",
        strict=False,
        description="`return` of its orchestrator.yml: with `event` it may make its function, too; with `wait` its "
        "builds need no trigger token.",
    )
    parameters: tuple[Parameter, ...] = Field(
        strict=False,
        max_length=50,
        description="SSM parameters that its builds may read; by default `/gitlab/trigger/<name>`, none with "
        "`return: wait`. With `source: clone` name those of the clone, too.",
    )
    builds: tuple[Builds, ...] | None = Field(
        default=None,
        strict=False,
        min_length=1,
        max_length=50,
        description="Its CodeBuild projects, `<name>-<package>` each; by default all that begin with `<name>-`.",
        examples=[["shop-parser"]],
    )
    deploy: Deploying | None = Field(
        default=None,
        description="The role of its jobs `test` and `deploy`; `{}` takes every default. Without it there is none.",
    )
    reach: Reach = Field(
        default_factory=Reach, description="What its builds may have besides: a network, a cache, private images."
    )


class PlatformArtifacts(Model):
    """The bucket that all projects share, each below its own name."""

    bucket: Bucket | None = Field(
        default=None, description="Name of the bucket; by default `orchestrator-packages-<account>-<region>`."
    )
    retention_days: int = Field(default=30, ge=1, le=3650, description="Days for which a package is kept.")


class PlatformState(Model):
    """The bucket of all states of Terraform."""

    bucket: Bucket | None = Field(
        default=None, description="Name of the bucket; by default `orchestrator-states-<account>-<region>`."
    )
    retention_days: int = Field(
        default=90, ge=1, le=3650, description="Days for which an old version of a state is kept."
    )
    use_lockfile: bool = Field(
        default=True, description="Whether the state is locked; needs Terraform 1.10 or OpenTofu 1.10."
    )
    lock_timeout_seconds: int = Field(
        default=300, ge=0, le=3600, description="Seconds to wait for somebody else's lock on the state."
    )


class Platform(Model):
    """Everything `platform.yml` says, complete."""

    version: Version = Field(default=1, description="Version of this format.")
    region: Region = Field(
        description="AWS region; by default `AWS_REGION`, else `AWS_DEFAULT_REGION`.", examples=["eu-central-1"]
    )
    gitlab: PlatformGitLab = Field(description="The GitLab server whose jobs get into the account.")
    projects: Mapping[GitLabPath, PlatformProject] = Field(
        max_length=199,
        description="The projects, by their full path in GitLab. `{}` takes every default.",
        examples=[{"shop/thumbnails": {}}],
    )
    artifacts: PlatformArtifacts = Field(
        default_factory=PlatformArtifacts, description="The bucket that all projects share."
    )
    state: PlatformState = Field(default_factory=PlatformState, description="The bucket of all states of Terraform.")
    permissions_boundary: PolicyArn | None = Field(
        default=None, description="IAM policy that bounds the roles of the pipelines themselves."
    )
    tags: Mapping[TagKey, TagValue] = Field(
        default={}, max_length=40, description="Tags for everything here.", examples=[{"team": "platform"}]
    )
