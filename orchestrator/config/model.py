"""The shape of `orchestrator.yml` once everything that was left out is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from orchestrator.config import images, shapes, variables
from orchestrator.vocabulary import Architecture, Kind, Return, Source, StateBackend

# Runtimes that Lambda still creates functions for (Lambda docs: lambda-runtimes).
Runtime = Literal["python3.10", "python3.11", "python3.12", "python3.13", "python3.14"]
# `BUILD_GENERAL1_*` of both container types (CodeBuild docs: build-env-ref-compute-types).
Compute = Literal["small", "medium", "large", "xlarge", "2xlarge"]
AUTOMATIC = "auto"

Name = Annotated[str, AfterValidator(shapes.name), Field(json_schema_extra={"pattern": shapes.NAME_PATTERN})]
Region = Annotated[str, AfterValidator(shapes.region), Field(json_schema_extra={"pattern": shapes.REGION_PATTERN})]
Bucket = Annotated[str, AfterValidator(shapes.bucket), Field(json_schema_extra={"pattern": shapes.BUCKET_PATTERN})]
Prefix = Annotated[str, AfterValidator(shapes.prefix), Field(json_schema_extra={"pattern": shapes.PREFIX_PATTERN})]
Parameter = Annotated[
    str, AfterValidator(shapes.parameter), Field(json_schema_extra={"pattern": shapes.PARAMETER_PATTERN})
]
StateName = Annotated[
    str, AfterValidator(shapes.state_name), Field(json_schema_extra={"pattern": shapes.STATE_NAME_PATTERN})
]
Url = Annotated[str, AfterValidator(shapes.url), Field(json_schema_extra={"format": "uri"})]
RelativePath = Annotated[str, AfterValidator(shapes.path)]
StateKey = Annotated[str, AfterValidator(shapes.state_key)]
Image = Annotated[str, AfterValidator(images.image)]
VariableName = Annotated[
    str,
    AfterValidator(variables.variable_name),
    Field(json_schema_extra={"pattern": variables.NAME_PATTERN}),
]
VariableValue = Annotated[str, AfterValidator(variables.variable_value)]
TagKey = Annotated[str, AfterValidator(shapes.tag_key)]
TagValue = Annotated[str, AfterValidator(shapes.tag_value)]


def _no_truth_value(value: object) -> object:
    # Python, and with it pydantic, takes `True` for the number 1.
    if isinstance(value, bool):
        raise ValueError("expected a whole number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _id_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


Version = Annotated[Literal[1], BeforeValidator(_no_truth_value)]
# CloudWatch Logs API: PutRetentionPolicy.
LogRetention = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(_no_truth_value),
]
GitLabProject = Annotated[
    str,
    BeforeValidator(_id_as_text),
    AfterValidator(shapes.gitlab_project),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": shapes.PROJECT_PATTERN}),
]


class Model(BaseModel):
    """What all blocks share: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Settings(Model):
    """How CodeBuild runs a build, without the image."""

    compute: Compute = Field(default="small", description="Size of the build machine.")
    timeout_minutes: int = Field(default=60, ge=5, le=2160, description="Minutes after which a running build is ended.")
    queue_timeout_minutes: int = Field(
        default=60, ge=5, le=480, description="Minutes after which a build that never started is given up."
    )
    concurrent_builds: int | None = Field(
        default=None,
        ge=1,
        le=1000,
        description="How many builds of a package may run at once; by default any number.",
    )
    log_retention_days: LogRetention = Field(
        default=30, description="Days for which CloudWatch keeps the log of a build."
    )


class BuildDefaults(Settings):
    """Settings for the builds of all packages."""

    image: Image | None = Field(
        default=None,
        description="Build image; by default CodeBuild's Amazon Linux 2023 for the package's architecture.",
        examples=list(images.DEFAULT_IMAGES.values()),
    )


class Build(Settings):
    """Settings for the builds of one package; what is not written here comes from the block `build`."""

    image: Image = Field(
        description="Build image; by default the one of `build`.",
        examples=list(images.DEFAULT_IMAGES.values()),
    )


class Package(Model):
    """One thing to build."""

    kind: Kind = Field(
        default=Kind.FUNCTION,
        strict=False,
        description="`function`: the zip of a Lambda function. `layer`: the zip of a Lambda layer.",
    )
    architecture: Architecture = Field(
        default=Architecture.ARM64,
        strict=False,
        description="Processor on which the package is built and will run.",
    )
    runtime: Runtime = Field(default="python3.12", description="Lambda runtime the package is made for.")
    source: RelativePath = Field(
        default=".",
        description="Directory of the code, relative to the folder of orchestrator.yml.",
        examples=[".", "functions/parser"],
    )
    requirements: RelativePath | None = Field(
        default=AUTOMATIC,
        description="Requirements file, relative to the folder of orchestrator.yml. `auto`: the "
        "`requirements.txt` in `source`, else the one beside orchestrator.yml, else none. `null`: none.",
        examples=[AUTOMATIC, "functions/parser/requirements.txt", None],
    )
    environment: Mapping[VariableName, VariableValue] = Field(
        default={},
        description="Variables while the requirements are installed. Never a secret: AWS shows them.",
        examples=[{"PYCURL_SSL_LIBRARY": "openssl"}],
    )
    build: Build = Field(description="What differs from the block `build` for this package.")


class Artifacts(Model):
    """Where packages are kept."""

    bucket: Bucket | None = Field(
        default=None,
        description="S3 bucket; by default one is created, named after project, account and region.",
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
        description="SSM parameter that holds the trigger token; by default `/gitlab/trigger/<project>`."
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
    build: BuildDefaults = Field(
        default_factory=BuildDefaults, description="How CodeBuild runs the builds of all packages."
    )
    artifacts: Artifacts = Field(description="Where packages are kept.")
    return_: Return = Field(
        default=Return.TRIGGER,
        alias="return",
        strict=False,
        description="Who brings the result home. `trigger`: the build, with a GitLab trigger token.",
    )
    trigger: Trigger = Field(description="The GitLab trigger that brings the result home.")
    source: Source = Field(
        default=Source.SNAPSHOT,
        strict=False,
        description="How the commit reaches the build. `snapshot`: archived in S3. `clone`: by git from GitLab.",
    )
    clone: Clone | None = Field(default=None, description="How to clone, only with `source: clone`.")
    terraform: Terraform = Field(description="Where Terraform keeps what it knows.")
    gitlab: GitLab = Field(description="The GitLab project; in GitLab CI it is known.")
    tags: Mapping[TagKey, TagValue] = Field(
        default={},
        max_length=40,
        description="Tags for everything that is created in AWS.",
        examples=[{"team": "payments"}],
    )
