"""Which build image runs on which architecture (AWS docs: build-env-ref-available)."""

from __future__ import annotations

import re

from orchestrator.vocabulary import Architecture

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
_FAMILIES = (
    (re.compile(r"amazonlinux\d*-aarch64-standard(:.*)?"), Architecture.ARM64),
    (re.compile(r"amazonlinux\d*-x86_64-standard(:.*)?"), Architecture.X86_64),
    (re.compile(r"standard(:.*)?"), Architecture.X86_64),
)


def image(text: str) -> str:
    """Return a usable build image, or raise ValueError saying why CodeBuild could not use it here."""
    if len(text) > 255 or not _REFERENCE.fullmatch(text):
        raise ValueError(f"expected an image such as `{DEFAULT_IMAGES[Architecture.ARM64]}`")
    if "-lambda-standard" in text:
        raise ValueError(
            "expected an image for containers; `-lambda-standard` images need CodeBuild's Lambda compute, "
            "which cannot run as root or install system packages"
        )
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
        return None
    return next((word for family, word in _FAMILIES if family.fullmatch(curated.group(2))), None)


def _check_curated(rest: str) -> None:
    if not any(family.fullmatch(rest) for family, _ in _FAMILIES):
        raise ValueError(
            "expected an image that CodeBuild offers (`amazonlinux-aarch64-standard`, "
            "`amazonlinux-x86_64-standard` or `standard`), or one from a registry of your own"
        )
    if ":" not in rest:
        raise ValueError("expected an image with its version, such as `:3.0`")
