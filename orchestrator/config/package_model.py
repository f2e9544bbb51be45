"""The shape of one package in `orchestrator.yml`, and how CodeBuild runs its build."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, WithJsonSchema

from orchestrator.config import images
from orchestrator.config.fields import (
    CachePath,
    Command,
    Distribution,
    FleetArn,
    Glob,
    Image,
    LogRetention,
    Model,
    ModuleName,
    Reason,
    RelativePath,
    RuntimeName,
    SecretArn,
    SecurityGroupId,
    SubnetId,
    SystemPackage,
    VariableName,
    VariableValue,
    VpcId,
)
from orchestrator.config.package_shapes import SYSTEM_PACKAGE_PATTERN
from orchestrator.config.runtime_model import NAMES
from orchestrator.config.targets import BOTH
from orchestrator.packaging.inspection.model import Rule
from orchestrator.vocabulary import Architecture, CacheKind, Kind, Machine, Where

# `BUILD_GENERAL1_*` of containers, then `BUILD_LAMBDA_*` (CodeBuild docs: build-env-ref-compute-types).
Compute = Literal["small", "medium", "large", "xlarge", "2xlarge", "1GB", "2GB", "4GB", "8GB", "10GB"]
AUTOMATIC = "auto"
# The branches of a union are parts of pydantic's paths, but not of the file.
UNION_TAGS = LIST_TAG, BLOCK_TAG = "[list]", "[block]"
_ENTRIES = Field(strict=False, max_length=100)


class Vpc(Model):
    """The network that builds run in."""

    id: VpcId = Field(description="The VPC.")
    subnets: Annotated[tuple[SubnetId, ...], Field(strict=False, min_length=1, max_length=16)] = Field(
        description="Private subnets of it, with a way to the internet through a NAT gateway, or with endpoints."
    )
    security_groups: Annotated[tuple[SecurityGroupId, ...], Field(strict=False, min_length=1, max_length=5)] = Field(
        description="Security groups of the builds."
    )


class Cache(Model):
    """What CodeBuild keeps of a build for later builds of the same package, whatever their branch."""

    kind: CacheKind = Field(
        strict=False,
        description="`s3`: in the artifact bucket. `local`: on the machine of the build, for as long as AWS keeps it.",
    )
    paths: Annotated[tuple[CachePath, ...], Field(strict=False, max_length=20)] = Field(
        default=(), description="Folders that are kept, as buildspecs write them."
    )
    docker_layers: bool = Field(
        default=False, description="Whether layers of Docker images are kept; with `kind: local` and `privileged` only."
    )


class Settings(Model):
    """How CodeBuild runs a build, without the image."""

    where: Where = Field(
        default=Where.CODEBUILD,
        strict=False,
        description="Where the package is made. `codebuild`: always in CodeBuild. `auto`: in the job `build` itself "
        "if every dependency has a wheel, and in CodeBuild only if something has to be compiled.",
    )
    keep_wheels: bool = Field(
        default=True,
        description="Whether wheels that were compiled are kept in S3 for later builds of the same package.",
    )
    machine: Machine = Field(
        default=Machine.CONTAINER,
        strict=False,
        description="`container`: a machine of its own for each build. `lambda`: CodeBuild's Lambda compute, which "
        "starts in seconds, ends after 15 minutes, and cannot install system packages.",
    )
    compute: Compute = Field(
        default="small",
        description="Size of the build machine: `small` to `2xlarge`, or with `machine: lambda` its memory, "
        "there by default `2GB`.",
    )
    privileged: bool = Field(
        default=False, description="Whether a build may start Docker, which gives it all of its machine."
    )
    fleet: FleetArn | None = Field(default=None, description="Fleet of reserved machines that builds run on.")
    vpc: Vpc | None = Field(
        default=None,
        description="Network that builds run in; by default CodeBuild's own.",
        examples=[{"id": "vpc-0a1b2c3d", "subnets": ["subnet-0a1b2c3d"], "security_groups": ["sg-0a1b2c3d"]}],
    )
    cache: Cache | None = Field(
        default=None,
        description="What is kept for later builds; by default nothing.",
        examples=[{"kind": "s3", "paths": ["/var/cache/npm/**/*"]}],
    )
    registry_credential: SecretArn | None = Field(
        default=None,
        description="Secret in Secrets Manager with user name and password of the registry of `image`; "
        "an image in Amazon ECR needs none.",
    )
    timeout_minutes: int = Field(
        default=60,
        ge=5,
        le=2160,
        description="Minutes after which a running build is ended; with `machine: lambda` always 15.",
    )
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
    reuse_hours: int = Field(
        default=24,
        ge=0,
        le=8760,
        description="Hours for which the package of a build is taken again for the same commit and settings, in place "
        "of a second build. With locked requirements it is taken for as long as it is stored. 0: never.",
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


class SystemPackages(Model):
    """System packages below the package manager that knows them by these names."""

    dnf: Annotated[tuple[SystemPackage, ...], _ENTRIES] = ()
    yum: Annotated[tuple[SystemPackage, ...], _ENTRIES] = ()
    apt_get: Annotated[tuple[SystemPackage, ...], _ENTRIES] = Field(default=(), alias="apt-get")

    def by_manager(self) -> dict[str, tuple[str, ...]]:
        """Return the lists that are not empty, under the names of the package managers."""
        return {name: packages for name, packages in self.model_dump(by_alias=True).items() if packages}


_NAMES_OF_PACKAGES = {"type": "array", "maxItems": 100, "items": {"type": "string", "pattern": SYSTEM_PACKAGE_PATTERN}}
AnySystemPackages = Annotated[
    Annotated[tuple[SystemPackage, ...], _ENTRIES, Tag(LIST_TAG)] | Annotated[SystemPackages, Tag(BLOCK_TAG)],
    Discriminator(lambda value: BLOCK_TAG if isinstance(value, (dict, SystemPackages)) else LIST_TAG),
    # One node for both forms, which editors and our own messages read more easily than two branches.
    WithJsonSchema(
        {
            **_NAMES_OF_PACKAGES,
            "type": ["array", "object"],
            "properties": {
                manager: {**_NAMES_OF_PACKAGES, "description": f"Names of packages for `{manager}`."}
                for manager in ("dnf", "yum", "apt-get")
            },
            "additionalProperties": False,
        }
    ),
]


class Allow(Model):
    """A finding of the inspection that somebody has decided to live with."""

    rule: Rule = Field(strict=False, description="Which rule may be broken.")
    file: Glob = Field(default="*", description="Pattern of the names in the zip.", examples=["cv2/*"])
    subject: Glob = Field(
        default="*", description="Pattern of the library, symbol or tag that was found.", examples=["libGL.so.1"]
    )
    reason: Reason = Field(description="Why it does no harm; it stands in the manifest.")


# A list never reaches the model: it was split before.
_Architecture = Annotated[
    Architecture, WithJsonSchema({"type": ["string", "array"], "enum": [*BOTH, BOTH, BOTH[::-1]]})
]


class Package(Model):
    """One thing to build."""

    kind: Kind = Field(
        default=Kind.FUNCTION,
        strict=False,
        description="`function`: the zip of a Lambda function. `layer`: the zip of a Lambda layer. "
        "`custom`: the files that your own `commands` leave.",
    )
    architecture: _Architecture = Field(
        default=Architecture.ARM64,
        strict=False,
        description="Processor on which the package is built and will run. A list of both stands for two packages, "
        "`<name>-arm64` and `<name>-x86-64`, which are built side by side.",
    )
    runtime: RuntimeName = Field(
        default="python3.12",
        description="Lambda runtime the package is made for: one of the built-in table, or of `runtimes`.",
        examples=NAMES,
    )
    source: RelativePath = Field(
        default=".",
        description="Directory of the code, relative to the folder of orchestrator.yml.",
        examples=[".", "functions/parser"],
    )
    requirements: RelativePath | None = Field(
        default=AUTOMATIC,
        description="What the package depends on, relative to the folder of orchestrator.yml: a requirements file in "
        "any form that pip takes, pyproject.toml, uv.lock or pylock.toml. `auto`: the first of `pylock.toml`, "
        "`uv.lock`, `requirements.txt` and a `pyproject.toml` that has dependencies, in `source`, else beside "
        "orchestrator.yml, else none; what only Poetry or Pipenv reads there is refused. `null`: none.",
        examples=[AUTOMATIC, "functions/parser/requirements.txt", None],
    )
    environment: Mapping[VariableName, VariableValue] = Field(
        default={},
        description="Variables while dependencies are compiled and `commands` run. Never a secret: AWS shows them.",
        examples=[{"PYCURL_SSL_LIBRARY": "openssl"}],
    )
    system_packages: AnySystemPackages = Field(
        default=(),
        description="System packages that the build installs before anything is compiled: a list for whatever "
        "package manager the image has, or a list for each.",
        examples=[["libcurl-devel"], {"dnf": ["libcurl-devel"], "apt-get": ["libcurl4-openssl-dev"]}],
    )
    commands: Annotated[tuple[Command, ...], _ENTRIES] = Field(
        default=(),
        description="Commands for bash that make the package, run in `source`; only with `kind: custom`.",
        examples=[["make bootstrap"]],
    )
    output: RelativePath | None = Field(
        default=None,
        description="Directory below `source` whose files the commands leave; only with `kind: custom`.",
        examples=["dist"],
    )
    exclude: Annotated[tuple[Glob, ...], _ENTRIES] = Field(
        default=(),
        description="Patterns of names in the zip that stay out; `**` stands for any folders, `*` never for a slash.",
        examples=[["**/tests/**", "botocore/**"]],
    )
    bytecode: bool = Field(
        default=False,
        description="Whether compiled Python (`.pyc`) is added, which starts faster and is larger.",
    )
    smoke: Annotated[tuple[ModuleName, ...], _ENTRIES] = Field(
        default=(),
        description="Modules that the build imports from the finished package, to see that they load.",
        examples=[["lxml.etree"]],
    )
    allow: Annotated[tuple[Allow, ...], _ENTRIES] = Field(
        default=(),
        description="Findings of the inspection that do not stop the package.",
        examples=[
            [{"rule": "library", "file": "cv2/*", "subject": "libGL.so.1", "reason": "only its display functions"}]
        ],
    )
    allow_pure: Annotated[tuple[Distribution, ...], _ENTRIES] = Field(
        default=(),
        description="Dependencies whose pure Python form is good enough where their compiled one cannot be had.",
        examples=[["wrapt"]],
    )
    build: Build = Field(description="What differs from the block `build` for this package.")
