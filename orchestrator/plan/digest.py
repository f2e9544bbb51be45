"""Digests of plain data: equal data, equal digest, on every machine."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def digest(value: Any) -> str:
    """Return the SHA-256, in hex, of JSON-like data; the order of keys does not matter."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()


def marker(codebuild_project: str, sha: str, settings_digest: str) -> str:
    """Identify what a build builds, whoever asks for it and how often: 32 hex digits."""
    return digest([codebuild_project, sha, settings_digest])[:32]
