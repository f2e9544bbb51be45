"""One JSON object of the settings, whose fields are read with a check."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Any
from urllib.parse import urlsplit

from orchestrator.errors import ConfigurationError

_PARAMETER_NAME = re.compile(r"[A-Za-z0-9_./-]{1,2048}")
_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class Fields:
    """Reads fields by name; each raises ConfigurationError that names the field when its value is wrong."""

    def __init__(self, value: Any, path: str) -> None:
        if not isinstance(value, dict):
            raise wrong(path.rstrip("."), f"observed {value!r}, expected an object")
        self._value, self._path = value, path

    def only(self, known: Collection[str]) -> None:
        """Refuse a field that this version of the program does not know: it would be ignored in silence."""
        for name in self._value:
            if name not in known:
                raise wrong(self._path + name, "observed a field that this program does not know")

    def get(self, name: str, default: object = None) -> Any:
        """Return the value as it is."""
        return self._value.get(name, default)

    def text(self, name: str) -> str:
        """Return text on one line, not empty."""
        value = self._value.get(name)
        if not _is_line(value):
            raise wrong(self._path + name, f"observed {value!r}, expected text on one line")
        return str(value)

    def flag(self, name: str, *, default: bool) -> bool:
        """Return true or false."""
        value = self._value.get(name, default)
        if not isinstance(value, bool):
            raise wrong(self._path + name, f"observed {value!r}, expected true or false")
        return value

    def list(self, name: str) -> list[Any]:
        """Return a list of whatever it holds; an absent one is empty."""
        value = self._value.get(name, [])
        if not isinstance(value, list):
            raise wrong(self._path + name, f"observed {value!r}, expected a list")
        return value

    def texts(self, name: str, pattern: re.Pattern[str] | None = None) -> tuple[str, ...]:
        """Return a list of texts on one line each, all of the same form; an absent one is empty."""
        found = self.list(name)
        form = "texts of the form that is meant" if pattern else "texts on one line"
        for item in found:
            if not _is_line(item) or (pattern and not pattern.fullmatch(item)):
                raise wrong(self._path + name, f"observed {item!r} in it, expected {form}")
        return tuple(found)

    def choice(self, name: str, allowed: tuple[str, ...]) -> str:
        """Return one of the words."""
        value = self.text(name)
        if value not in allowed:
            raise wrong(self._path + name, f"observed {value!r}, expected one of {', '.join(allowed)}")
        return value

    def path(self, name: str) -> str:
        """Return a relative path that stays inside."""
        value = self.text(name)
        if value.startswith("/") or ".." in value.split("/"):
            raise wrong(self._path + name, f"observed {value!r}, expected a path inside the repository")
        return value

    def optional_path(self, name: str) -> str | None:
        """Return a relative path that stays inside, or None if there is none."""
        return None if self._value.get(name) is None else self.path(name)

    def parameter(self, name: str) -> str:
        """Return the name of an SSM parameter."""
        value = self.text(name)
        if not _PARAMETER_NAME.fullmatch(value):
            raise wrong(self._path + name, f"observed {value!r}, expected the name of an SSM parameter")
        return value

    def url(self, name: str) -> str:
        """Return an https URL (http on loopback) without credentials, query and fragment."""
        value = self.text(name)
        parts = urlsplit(value)
        plain = parts.scheme == "https" or (parts.scheme == "http" and parts.hostname in _LOOPBACK)
        if not plain or not parts.hostname or "@" in parts.netloc or parts.query or parts.fragment:
            raise wrong(self._path + name, "expected an https URL without user name, query or fragment")
        return value


def _is_line(value: object) -> bool:
    return isinstance(value, str) and bool(value) and not any(ord(character) < 32 for character in value)


def wrong(field: str, detail: str) -> ConfigurationError:
    """Return the error about a field, or about the whole object if `field` is empty."""
    subject = f"`{field}` in ORCHESTRATOR_SETTINGS" if field else "ORCHESTRATOR_SETTINGS"
    return ConfigurationError(
        f"{subject} is wrong", detail=detail, hint="run `orchestrator prebuild` again with this version of the product"
    )
