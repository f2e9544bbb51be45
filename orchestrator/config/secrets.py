"""What a secret looks like, so that none is accepted where it does not belong, and none is printed."""

from __future__ import annotations

import re

# Prefixes are published by their issuers so that scanners can find them
# (GitLab docs: token overview; AWS docs: IAM identifiers; GitHub docs: token formats).
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = (
    (
        "a GitLab token",
        re.compile(r"\bgl(?:pat|ptt|dt|rt|rtr|cbt|soat|ft|agent|imt|oas|ffct|wt)-[A-Za-z0-9_.=-]{6,}"),
    ),
    ("an AWS access key", re.compile(r"\b(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{12,}\b")),
    ("a GitHub token", re.compile(r"\b(?:gh[opsur]_[A-Za-z0-9]{16,}|github_pat_[A-Za-z0-9_]{16,})")),
    ("a Slack token", re.compile(r"\bxox[abeoprs]-[A-Za-z0-9-]{8,}")),
    ("a PyPI token", re.compile(r"\bpypi-AgE[A-Za-z0-9_-]{12,}")),
    ("an npm token", re.compile(r"\bnpm_[A-Za-z0-9]{20,}")),
    ("a live API key", re.compile(r"\b(?:[sr]k_live_[A-Za-z0-9]{8,}|AIza[A-Za-z0-9_-]{30,})")),
    ("a private key", re.compile(r"-----BEGIN [A-Z ]*PRIVATE KEY")),
    ("a JSON web token", re.compile(r"\beyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}")),
    ("a URL with credentials", re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^\s/?#@]+@")),
)


def looks_like_secret(text: str) -> str | None:
    """Return what kind of secret `text` seems to hold ("a GitLab token"), or None."""
    return next((kind for kind, pattern in _KINDS if pattern.search(text)), None)
