"""Which GitLab project a checkout belongs to, by the address of its remote."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from orchestrator.config import shapes

# What git takes for ssh without a scheme: `git@gitlab.com:group/name.git` (git docs: git-clone, GIT URLS).
_SCP = re.compile(r"(?:[^@/\s]+@)?(?P<host>[A-Za-z0-9.-]+):(?!/)(?P<path>[^\s]+)")


@dataclass(frozen=True)
class Origin:
    """The server's address, the full path of the project on it, and the name of the remote that says so."""

    url: str
    path: str
    remote: str = "origin"


def origin_of(address: str, remote: str = "origin") -> Origin | None:
    """Return the project behind the address of a remote; None for a folder and for what no GitLab would have.

    Credentials in the address are left behind. Of an ssh address nothing tells the web server's port.
    """
    host, path = _split(address.strip())
    path = path.strip("/").removesuffix(".git")
    try:
        shapes.url(host)
        shapes.gitlab_project(path)
    except ValueError:
        return None
    return Origin(host, path, remote) if "/" in path else None


def _split(address: str) -> tuple[str, str]:
    if "://" not in address:
        found = _SCP.fullmatch(address)
        return (f"https://{found['host']}", found["path"]) if found else ("", "")
    try:
        parts = urlsplit(address)
        port = f":{parts.port}" if parts.port and parts.scheme in ("http", "https") else ""
    except ValueError:
        return "", ""
    scheme = "http" if parts.scheme == "http" else "https"
    known = parts.scheme in ("http", "https", "ssh", "git+ssh") and parts.hostname
    return (f"{scheme}://{parts.hostname}{port}", unquote(parts.path)) if known else ("", "")
