"""The rules between a machine and its sizes and images, and what Lambda compute cannot do."""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.config import images
from orchestrator.config.check import Broken, Rule, Subject
from orchestrator.findings import Weight

_CONTAINER_SIZES = ("small", "medium", "large", "xlarge", "2xlarge")
_LAMBDA_SIZES = ("1GB", "2GB", "4GB", "8GB", "10GB")
_LIMITS = "CodeBuild user guide: lambda (limitations)"


def _size(subject: Subject) -> Iterator[Broken]:
    sizes = _LAMBDA_SIZES if subject.on_lambda else _CONTAINER_SIZES
    if subject.build.compute not in sizes:
        shown = f"`compute: {subject.build.compute}` with `machine: {subject.build.machine}`"
        yield Broken("build.compute", shown, f"write one of {', '.join(sizes)}, or another `machine`")


def _image_of_machine(subject: Subject) -> Iterator[Broken]:
    for_lambda = subject.image.lambda_runtime is not None
    if subject.image.curated and for_lambda != subject.on_lambda:
        what = f"the image `{subject.build.image}` with `machine: {subject.build.machine}`"
        yield Broken(
            "build.image", what, f"leave `image` out, or write `machine: {'lambda' if for_lambda else 'container'}`"
        )


def _own_image_on_lambda(subject: Subject) -> Iterator[Broken]:
    if subject.on_lambda and not subject.image.curated and not images.ecr_repository(subject.build.image):
        what = f"the image `{subject.build.image}` on Lambda compute"
        yield Broken(
            "build.image", what, "push it to a private repository of Amazon ECR, for one processor, and name it there"
        )


def _lambda_runtime(subject: Subject) -> Iterator[Broken]:
    has, needs = subject.image.lambda_runtime, images.lambda_image_of(subject.runtime.name)
    if not subject.on_lambda or has is None or not subject.runtime.python or has == needs:
        return
    fix = f"use the image that ends in `:{needs}`" if needs else "write `machine: container`: there is no image for it"
    yield Broken("build.image", f"an image with `{has}` for the runtime `{subject.runtime.name}`", fix)


def _privileged_on_lambda(subject: Subject) -> Iterator[Broken]:
    if subject.on_lambda and subject.build.privileged:
        yield Broken("build.privileged", "`privileged: true` with `machine: lambda`", "write `machine: container`")


def _vpc_on_lambda(subject: Subject) -> Iterator[Broken]:
    if subject.on_lambda and subject.build.vpc:
        yield Broken("build.vpc", "`vpc` with `machine: lambda`", "write `machine: container`, or remove `vpc`")


def _cache_on_lambda(subject: Subject) -> Iterator[Broken]:
    if subject.on_lambda and subject.build.cache:
        yield Broken("build.cache", "`cache` with `machine: lambda`", "write `machine: container`, or remove `cache`")


def _fleet_on_lambda(subject: Subject) -> Iterator[Broken]:
    if subject.on_lambda and subject.build.fleet:
        yield Broken("build.fleet", "`fleet` with `machine: lambda`", "write `machine: container`, or remove `fleet`")


def _root_on_lambda(subject: Subject) -> Iterator[Broken]:
    if subject.on_lambda and subject.package.system_packages:
        fix = "write `machine: container`, or use an image of your own that has them and remove `system_packages`"
        yield Broken("system_packages", "`system_packages` with `machine: lambda`", fix)


def _time_on_lambda(subject: Subject) -> Iterator[Broken]:
    for key in ("timeout_minutes", "queue_timeout_minutes"):
        if subject.on_lambda and key in subject.build.model_fields_set:
            yield Broken(
                f"build.{key}", f"`{key}` with `machine: lambda`", f"remove `{key}`, or write `machine: container`"
            )


def _region_of_lambda(subject: Subject) -> Iterator[Broken]:
    listed = images.regions(subject.build.machine)
    if subject.on_lambda and subject.region not in listed:
        what = f"`machine: lambda` in {subject.region}"
        yield Broken(
            "build.machine", what, f"write `machine: container`, or build in one of {', '.join(sorted(listed))}"
        )


_E, _W = Weight.ERROR, Weight.WARNING
LAMBDA_RULES = (
    Rule(
        "compute-size",
        _E,
        "Containers come as small to 2xlarge, Lambda compute as 1GB to 10GB.",
        "CodeBuild user guide: build-env-ref-compute-types",
        _size,
    ),
    Rule(
        "image-machine",
        _E,
        "Images named `-lambda-standard` are for Lambda compute, CodeBuild's other images for containers.",
        "CodeBuild user guide: lambda-compute-images",
        _image_of_machine,
    ),
    Rule(
        "lambda-own-image",
        _E,
        "Lambda compute pulls images of your own from Amazon ECR only.",
        "CodeBuild user guide: lambda (custom images)",
        _own_image_on_lambda,
    ),
    Rule(
        "lambda-runtime",
        _E,
        "An image for Lambda compute holds one runtime and cannot switch to another.",
        "CodeBuild user guide: lambda-compute-images",
        _lambda_runtime,
    ),
    Rule("lambda-privileged", _E, "Lambda compute cannot run Docker.", _LIMITS, _privileged_on_lambda),
    Rule("lambda-vpc", _E, "Lambda compute cannot join a VPC.", _LIMITS, _vpc_on_lambda),
    Rule("lambda-cache", _E, "Lambda compute has no cache.", _LIMITS, _cache_on_lambda),
    Rule(
        "lambda-fleet", _E, "Lambda compute does not run on a fleet.", "CodeBuild user guide: fleets", _fleet_on_lambda
    ),
    Rule(
        "lambda-root",
        _E,
        "Builds on Lambda compute are not root: they install nothing with a package manager.",
        _LIMITS,
        _root_on_lambda,
    ),
    Rule(
        "lambda-time",
        _W,
        "Lambda compute has no time-outs of your own: a build ends after 15 minutes, and none waits.",
        _LIMITS,
        _time_on_lambda,
    ),
    Rule(
        "lambda-region",
        _W,
        "Lambda compute is documented for ten regions.",
        "CodeBuild user guide: lambda (regions)",
        _region_of_lambda,
    ),
)
