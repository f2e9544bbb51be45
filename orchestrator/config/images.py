"""Which build image runs where (AWS docs: build-env-ref-available, lambda-compute-images), and what is in it."""

from __future__ import annotations

import json
import pkgutil
import re
from dataclasses import dataclass
from functools import cache
from typing import Any

from orchestrator.packaging.runtimes import Version, version_of
from orchestrator.vocabulary import Architecture, Machine

DEFAULT_IMAGES = {
    Architecture.ARM64: "aws/codebuild/amazonlinux-aarch64-standard:3.0",
    Architecture.X86_64: "aws/codebuild/amazonlinux-x86_64-standard:5.0",
}

_REFERENCE = re.compile(
    r"(?:[A-Za-z0-9.-]+(?::[0-9]{1,5})?/)?[a-z0-9]+(?:[._-]+[a-z0-9]+)*(?:/[a-z0-9]+(?:[._-]+[a-z0-9]+)*)*"
    r"(?::[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(?:@sha256:[0-9a-f]{64})?"
)
# `aws/codebuild/` is what CodeBuild calls them, `public.ecr.aws/codebuild/` are the public copies.
_CURATED = re.compile(r"(aws|public\.ecr\.aws)/codebuild/(.*)")
_LAMBDA = re.compile(r"amazonlinux-(?:aarch64|x86_64)-lambda-standard:(.+)")
# The Lambda runtimes themselves, and the images that `sam build` builds in, which are made from them.
_OF_RUNTIMES = re.compile(
    r"public\.ecr\.aws/(?:lambda/(python|nodejs):|sam/build-(python|nodejs))([0-9.]+?)(?:\.x)?(?:[-:@].*)?"
)
_PRIVATE_ECR = re.compile(r"([0-9]{12})\.dkr\.ecr(?:-fips)?\.([a-z0-9-]+)\.amazonaws\.com(?:\.cn)?/([^:@]+)(?:[:@].*)?")
_FAMILIES = (
    (re.compile(r"amazonlinux-aarch64-lambda-standard(:.*)?"), Architecture.ARM64),
    (re.compile(r"amazonlinux-x86_64-lambda-standard(:.*)?"), Architecture.X86_64),
    (re.compile(r"amazonlinux\d*-aarch64-standard(:.*)?"), Architecture.ARM64),
    (re.compile(r"amazonlinux\d*-x86_64-standard(:.*)?"), Architecture.X86_64),
    (re.compile(r"standard(:.*)?"), Architecture.X86_64),
)


@dataclass(frozen=True)
class ImageFacts:
    """What the table knows of a build image; None and empty where it does not.

    `lambda_runtime` is what follows the colon of an image for Lambda compute, such as `python3.12`.
    """

    system: str | None
    glibc: Version | None
    pythons: tuple[str, ...] = ()
    curated: bool = False
    unmaintained: bool = False
    lambda_runtime: str | None = None


def default_image(architecture: Architecture, machine: Machine, runtime: str) -> str:
    """Return the image for a package that names none; `runtime` is Lambda's name of its runtime."""
    if machine is Machine.CONTAINER:
        return DEFAULT_IMAGES[architecture]
    processor = {Architecture.ARM64: "aarch64", Architecture.X86_64: "x86_64"}[architecture]
    # Without an image for the runtime the newest Python is as wrong as any other: `orchestrator check` says so.
    known = lambda_image_of(runtime) or "python3.13"
    return f"aws/codebuild/amazonlinux-{processor}-lambda-standard:{known}"


def lambda_image_of(runtime: str) -> str | None:
    """Return what the image of Lambda compute with this Lambda runtime is called, such as `nodejs20`; None for none."""
    name = runtime.removesuffix(".x")
    return name if name in _table()["lambda"] else None


def facts_of(text: str) -> ImageFacts:
    """Return what is known of an image by its name."""
    curated = _CURATED.fullmatch(text)
    if curated is None:
        return _of_a_runtime(text)
    for_lambda = _LAMBDA.fullmatch(curated[2])
    if for_lambda:
        system = _table()["lambda"].get(for_lambda[1])
        return ImageFacts(system, _glibc(system), curated=True, lambda_runtime=for_lambda[1])
    row = _table()["images"].get(re.sub(r"-\d\d\.\d\d\.\d\d$", "", curated[2]), {})
    system = row.get("system")
    return ImageFacts(
        system, _glibc(system), tuple(row.get("pythons", ())), unmaintained=bool(row.get("unmaintained")), curated=True
    )


def is_curated(text: str) -> bool:
    """Tell whether CodeBuild keeps the image itself: it can be pulled with CodeBuild's own credentials."""
    return text.startswith("aws/codebuild/")


def ecr_repository(text: str) -> tuple[str, str, str] | None:
    """Return account, region and name of the private ECR repository that an image is in; None for any other place."""
    found = _PRIVATE_ECR.fullmatch(text)
    return (found[1], found[2], found[3]) if found else None


def checked_on() -> str:
    """Return the day on which the table was last compared with its sources."""
    return str(_table()["checked_on"])


def regions(machine: Machine) -> frozenset[str]:
    """Return the regions that the documentation lists for Lambda compute, or for containers on ARM."""
    return frozenset(_table()["lambda_regions" if machine is Machine.LAMBDA else "arm_regions"])


def _of_a_runtime(text: str) -> ImageFacts:
    found = _OF_RUNTIMES.fullmatch(text)
    if not found:
        return ImageFacts(None, None)
    old = {"python": (3, 12), "nodejs": (20,)}
    language = found[1] or found[2]
    system = "Amazon Linux 2" if version_of(found[3]) < old[language] else "Amazon Linux 2023"
    return ImageFacts(system, _glibc(system), (found[3],) if language == "python" else ())


def _glibc(system: str | None) -> Version | None:
    return version_of(_table()["glibc"][system]) if system else None


@cache
def _table() -> Any:
    content = pkgutil.get_data("orchestrator.config", "images.json")
    assert content is not None  # noqa: S101 - every loader that can load this package can read its files
    return json.loads(content)


def image(text: str) -> str:
    """Return a usable build image, or raise ValueError saying why CodeBuild could not use it here."""
    if len(text) > 255 or not _REFERENCE.fullmatch(text):
        raise ValueError(f"expected an image such as `{DEFAULT_IMAGES[Architecture.ARM64]}`")
    if re.search(r"(^|/)(windows|macos|ami)[-/]|windows-base", text):
        raise ValueError("expected a Linux container image, because packages are built for Lambda")
    curated = _CURATED.fullmatch(text)
    if curated and curated.group(1) == "aws":
        _check_curated(curated.group(2))
    return text


def architecture_of(text: str) -> Architecture | None:
    """Return the only architecture the image runs on, or None when its name does not say."""
    curated = _CURATED.fullmatch(text)
    if not curated:
        named = [word for word in Architecture if _OF_RUNTIMES.fullmatch(text) and text.endswith(f"-{word}")]
        return named[0] if named else None
    return next((word for family, word in _FAMILIES if family.fullmatch(curated.group(2))), None)


def _check_curated(rest: str) -> None:
    if not any(family.fullmatch(rest) for family, _ in _FAMILIES):
        raise ValueError(
            "expected an image that CodeBuild offers (`amazonlinux-aarch64-standard`, "
            "`amazonlinux-x86_64-standard` or `standard`), or one from a registry of your own"
        )
    if ":" not in rest:
        raise ValueError("expected an image with its version, such as `:3.0`")
