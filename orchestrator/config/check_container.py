"""The rules between network, cache, fleet, Docker and image of a build in a container."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config import images
from orchestrator.config.check import Broken, Rule, Subject
from orchestrator.findings import Weight
from orchestrator.vocabulary import Architecture, CacheKind

_LOCAL = "CodeBuild user guide: caching-local"


def _region_of_arm(subject: Subject) -> Iterator[Broken]:
    listed = images.regions(subject.build.machine)
    arm = subject.package.architecture is Architecture.ARM64
    if arm and not subject.on_lambda and subject.region not in listed:
        yield Broken(
            "architecture", f"arm64 in {subject.region}", "run `orchestrator prebuild` to see, or choose another region"
        )


def _network_of_fleet(subject: Subject) -> Iterator[Broken]:
    if subject.build.fleet and subject.build.vpc:
        yield Broken(
            "build.vpc", "`vpc` beside `fleet`", "give the VPC to the fleet, and remove `vpc` unless it may overflow"
        )


def _region_of_fleet(subject: Subject) -> Iterator[Broken]:
    where = (subject.build.fleet or f":::{subject.region}").split(":")[3]
    if where != subject.region:
        yield Broken(
            "build.fleet", f"a fleet of {where} for builds in {subject.region}", f"name a fleet of {subject.region}"
        )


def _local_cache_in_vpc(subject: Subject) -> Iterator[Broken]:
    cache = subject.build.cache
    if cache and cache.kind is CacheKind.LOCAL and subject.build.vpc:
        yield Broken("build.cache", "`kind: local` with `vpc`", "write `kind: s3`")


def _local_cache_on_largest(subject: Subject) -> Iterator[Broken]:
    cache = subject.build.cache
    if cache and cache.kind is CacheKind.LOCAL and subject.build.compute == "2xlarge":
        yield Broken("build.cache", "`kind: local` with `compute: 2xlarge`", "write `kind: s3`, or a smaller `compute`")


def _docker_layers(subject: Subject) -> Iterator[Broken]:
    cache = subject.build.cache
    if cache and cache.docker_layers and not (cache.kind is CacheKind.LOCAL and subject.build.privileged):
        what = f"`docker_layers` with `kind: {cache.kind}` and `privileged: {str(subject.build.privileged).lower()}`"
        yield Broken("build.cache.docker_layers", what, "write `kind: local` and `privileged: true`, or remove it")


def _empty_cache(subject: Subject) -> Iterator[Broken]:
    cache = subject.build.cache
    if cache and not cache.paths and not cache.docker_layers:
        yield Broken("build.cache", "a cache of nothing", "name the folders in `paths`, or remove `cache`")


def _shared_cache(subject: Subject) -> Iterator[Broken]:
    cache = subject.build.cache
    if cache:
        fix = "let only protected refs start builds, or give other refs a configuration with another `project`"
        yield Broken("build.cache", f"`kind: {cache.kind}` for builds of every branch", fix)


def _privileged(subject: Subject) -> Iterator[Broken]:
    if subject.build.privileged:
        yield Broken("build.privileged", "`privileged: true`", "remove it unless a command starts Docker")


def _unmaintained(subject: Subject) -> Iterator[Broken]:
    if subject.image.unmaintained:
        default = images.DEFAULT_IMAGES[subject.package.architecture]
        yield Broken("build.image", f"the image `{subject.build.image}`", f"use `{default}`, or leave `image` out")


def _needless_credential(subject: Subject) -> Iterator[Broken]:
    image = subject.build.image
    if subject.build.registry_credential and (images.is_curated(image) or images.ecr_repository(image)):
        yield Broken("build.registry_credential", f"a credential for `{image}`", "remove `registry_credential`")


_E, _W = Weight.ERROR, Weight.WARNING
CONTAINER_RULES = (
    Rule(
        "arm-region",
        _W,
        "Containers on ARM are documented for ten regions; whether others have them is not said.",
        "CodeBuild user guide: build-env-ref-compute-types",
        _region_of_arm,
    ),
    Rule(
        "fleet-network",
        _W,
        "Builds on a fleet use the fleet's network; the project's counts only when they overflow.",
        "CodeBuild user guide: fleets.reserved-capacity-fleets",
        _network_of_fleet,
    ),
    Rule(
        "fleet-region", _E, "A fleet serves builds of its own region.", "CodeBuild user guide: fleets", _region_of_fleet
    ),
    Rule("cache-vpc", _E, "A local cache does not work in a VPC.", _LOCAL, _local_cache_in_vpc),
    Rule("cache-largest", _E, "A local cache does not work on 2xlarge.", _LOCAL, _local_cache_on_largest),
    Rule(
        "cache-docker",
        _E,
        "Layers of Docker images are kept locally, by privileged builds only.",
        _LOCAL,
        _docker_layers,
    ),
    Rule(
        "cache-empty",
        _E,
        "A cache needs something to keep.",
        "CodeBuild user guide: build-spec-ref (cache)",
        _empty_cache,
    ),
    Rule(
        "cache-trust",
        _W,
        "What one build keeps, every later build of the package reads, whatever its branch: "
        "whoever may start builds can change what production gets.",
        "docs/checks.md (caches and trust)",
        _shared_cache,
    ),
    Rule(
        "privileged",
        _W,
        "A privileged build has all of its machine, and so has every dependency that it compiles.",
        "CodeBuild user guide: build-caching",
        _privileged,
    ),
    Rule(
        "image-unmaintained",
        _W,
        "AWS no longer updates this image and no longer keeps it at hand: builds start slowly.",
        "aws-codebuild-docker-images: README",
        _unmaintained,
    ),
    Rule(
        "credential-needless",
        _E,
        "CodeBuild's own images and those in Amazon ECR take no credential of a registry.",
        "CodeBuild API: ProjectEnvironment",
        _needless_credential,
    ),
)
