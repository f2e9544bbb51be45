"""The images that AWS maintains for CodeBuild, as `ListCuratedEnvironmentImages` tells them."""

from __future__ import annotations

from typing import Any

# Source: README of aws-codebuild-docker-images, April 2026.
_IMAGES: dict[tuple[str, str], tuple[str, ...]] = {
    ("AMAZON_LINUX", "aws/codebuild/amazonlinux-aarch64-standard"): ("2.0", "3.0", "4.0"),
    ("AMAZON_LINUX", "aws/codebuild/amazonlinux-x86_64-standard"): ("4.0", "5.0", "6.0"),
    ("UBUNTU", "aws/codebuild/standard"): ("5.0", "6.0", "7.0", "8.0"),
}


def platforms() -> list[dict[str, Any]]:
    """Return the answer's `platforms`: platform, then languages, then images with their versions."""
    by_platform: dict[str, list[dict[str, Any]]] = {}
    for (platform, repository), versions in _IMAGES.items():
        by_platform.setdefault(platform, []).extend(
            {"name": f"{repository}:{version}", "description": f"{repository}:{version}", "versions": [version]}
            for version in versions
        )
    return [
        {"platform": platform, "languages": [{"language": "BASE", "images": images}]}
        for platform, images in by_platform.items()
    ]
