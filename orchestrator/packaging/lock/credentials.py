"""Passwords of package indexes: where they are found, and for which host each one is."""

from __future__ import annotations

import netrc
import os
import re
from base64 import b64encode
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import unquote, urlsplit, urlunsplit

_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")
_NAMED_INDEX = re.compile(r"^([A-Za-z0-9._-]+)=(?=[a-z]+://)")
Origin = tuple[str, str, int | None]


@dataclass(frozen=True)
class Credentials:
    """User name and password by origin (scheme, host, port); sent to that origin and nowhere else."""

    known: Mapping[Origin, tuple[str, str]] = field(default_factory=dict, repr=False)

    def header(self, url: str) -> dict[str, str]:
        """Return the header for a request to `url`: basic authentication, or nothing."""
        pair = self.known.get(origin_of(url))
        if pair is None:
            return {}
        return {"Authorization": f"Basic {b64encode(':'.join(pair).encode()).decode()}"}


def credentials_for(urls: Iterable[str], environ: Mapping[str, str] = os.environ) -> Credentials:
    """Collect what is known: in the URLs themselves, in uv's `UV_INDEX_<NAME>_…` variables, in the netrc file.

    What is written in a URL wins. A netrc file that cannot be read or parsed counts as empty, as with pip.
    """
    known: dict[Origin, tuple[str, str]] = {}
    for url in (*urls, *(url for _, url in index_variables(environ))):
        if pair := _in_url(url):
            known.setdefault(origin_of(url), pair)
    for name, url in index_variables(environ):
        prefix = f"UV_INDEX_{re.sub(r'[^A-Z0-9]', '_', name.upper())}"
        user, password = environ.get(f"{prefix}_USERNAME"), environ.get(f"{prefix}_PASSWORD")
        if name and (user or password):
            known.setdefault(origin_of(url), (user or "", password or ""))
    hosts = _netrc(environ)
    for url in (*urls, *(url for _, url in index_variables(environ)), *(f"https://{host}/" for host in hosts)):
        origin = origin_of(url)
        if origin[0] == "https" and origin[1] in hosts:
            known.setdefault(origin, hosts[origin[1]])
    return Credentials(known)


def index_variables(environ: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return name (may be empty) and URL of the indexes of uv's variables (uv docs: environment variables)."""
    text = " ".join(
        environ.get(name, "") for name in ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_EXTRA_INDEX_URL")
    )
    return [split_name(word) for word in text.split()]


def split_name(text: str) -> tuple[str, str]:
    """Split `name=https://…` into its parts; the name is optional."""
    match = _NAMED_INDEX.match(text)
    return (match[1], text[match.end() :]) if match else ("", text)


def expanded(text: str, environ: Mapping[str, str]) -> str:
    """Return the text with `${VARIABLE}` replaced if it is set (pip docs: environment variables in files)."""
    return _VARIABLE.sub(lambda match: environ.get(match[1]) or match[0], text)


def variable_names(text: str) -> set[str]:
    """Return the names of the variables that `expanded` would replace."""
    return set(_VARIABLE.findall(text))


def origin_of(url: str) -> Origin:
    """Return scheme, host and port."""
    parts = urlsplit(url)
    try:
        port = parts.port
    except ValueError:
        port = None
    return parts.scheme, (parts.hostname or "").lower(), port or {"http": 80, "https": 443}.get(parts.scheme)


def public(url: str) -> str:
    """Return the URL without user name and password; `git@` of an SSH address is a name only and stays."""
    parts = urlsplit(url)
    if "@" not in parts.netloc:
        return url
    user, _, host = parts.netloc.rpartition("@")
    keep = f"{user.partition(':')[0]}@" if parts.scheme.endswith("ssh") else ""
    return urlunsplit((parts.scheme, f"{keep}{host}", *parts[2:]))


def _in_url(url: str) -> tuple[str, str] | None:
    parts = urlsplit(url)
    return (unquote(parts.username or ""), unquote(parts.password or "")) if "@" in parts.netloc else None


def _netrc(environ: Mapping[str, str]) -> dict[str, tuple[str, str]]:
    path = environ.get("NETRC") or Path(environ.get("HOME", "/")) / ".netrc"
    try:
        entries = netrc.netrc(str(path))
    except (OSError, netrc.NetrcParseError, UnicodeDecodeError):
        return {}
    return {host: (user, password or "") for host, (user, _, password) in entries.hosts.items() if host != "default"}
