"""Says in plain language what pydantic found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from pydantic_core import ErrorDetails

from orchestrator.config.document import Document, Odd, Origin
from orchestrator.config.package_model import UNION_TAGS
from orchestrator.config.problem import Path, Problem, dotted, printable
from orchestrator.config.schema import allowed_at, keys_at, places_of, walk
from orchestrator.config.secrets import looks_like_secret
from orchestrator.packaging.inspection.model import Rule

_BLOCKS = ("model_type", "model_attributes_type", "dict_type", "mapping_type")
_MISSING: dict[Path, str] = {
    ("packages",): "missing, expected the names of the packages",
    ("region",): "missing, expected a region such as `eu-central-1`; or set AWS_REGION",
    ("project",): "missing, expected a name such as `lxml-function`; or set CI_PROJECT_PATH_SLUG",
    (
        "clone",
        "url",
    ): "missing, expected the address for `source: clone`; or write `gitlab.project` as a path, "
    "or run in GitLab CI, which sets CI_PROJECT_URL",
}


_MISSING_IN_LIST: dict[Path, str] = {
    ("allow", "reason"): "missing, expected why this finding does no harm",
    ("allow", "rule"): f"missing, expected the rule that may be broken: {', '.join(rule.value for rule in Rule)}",
}


def problems(errors: Iterable[ErrorDetails], document: Document) -> Iterator[Problem]:
    """Give one problem for each error, at the line where the value was written."""
    for error in errors:
        path: Path = tuple(part for part in error["loc"] if part not in UNION_TAGS)
        is_key = path[-1:] == ("[key]",)
        path = path[:-1] if is_key else path
        origin = document.origin(path)
        text = _sentence(error, path, origin, is_key=is_key)
        yield Problem(origin.line, 0, dotted(origin.path), text)


def _sentence(error: ErrorDetails, path: Path, origin: Origin, *, is_key: bool) -> str:
    kind = error["type"]
    if kind == "extra_forbidden":
        return f"unknown key{_nearest_key(path)}"
    if kind == "missing":
        return _MISSING.get(path) or _MISSING_IN_LIST.get(path[2:3] + path[4:], "missing")
    value = error["input"]
    expected = _expected(kind, error.get("ctx") or {}, path)
    # What does not begin with "expected" is complete, and what is wrong with a key can be seen in the path.
    if is_key or not expected.startswith("expected"):
        return expected
    return f"{expected}, found {_observed(value, path, origin)}{_suggestion(value, path, origin, kind)}"


def _expected(kind: str, context: Mapping[str, Any], path: Path) -> str:
    if kind == "value_error":
        return str(context["error"])
    if kind in _BLOCKS:
        return "expected a block of `key: value` lines"
    if kind == "too_short":
        return "expected at least one entry"
    if kind == "too_long":
        return f"expected at most {context['max_length']} entries"
    allowed = allowed_at(path)
    if "enum" in allowed:
        *rest, last = [f"`{word}`" for word in allowed["enum"] if word is not None]
        return f"expected {', '.join(rest)} or {last}" if rest else f"expected {last}"
    if "minimum" in allowed and "integer" in allowed["type"]:
        return f"expected a whole number from {allowed['minimum']} to {allowed.get('maximum', 'any')}"
    words = {"boolean": "expected true or false", "string": "expected text", "array": "expected a list"}
    return words.get(next(iter(allowed.get("type", ())), ""), "expected another value")


def _observed(value: object, path: Path, origin: Origin) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, dict):
        return "a block" if value else "an empty block"
    if isinstance(value, list):
        return "a list"
    if value == "":
        return "empty text"
    text = origin.text or str(value)
    name = value.kind if isinstance(value, Odd) else _type_name(value)
    if _is_private(path) or looks_like_secret(text):
        return f"{name}, which is not shown because it may be a secret"
    if isinstance(value, bool) and origin.text:
        return f"`{printable(text)}`, which YAML reads as {str(value).lower()}"
    supplier = f" from {origin.source}" if origin.source else ""
    return f"{name} `{printable(text)}`{supplier}"


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "the truth value"
    return "the number" if isinstance(value, int) else "the text"


def _is_private(path: Path) -> bool:
    in_environment = path[:1] == ("packages",) and path[2:3] == ("environment",)
    return in_environment or any(str(part).endswith("_parameter") for part in path[-1:])


def _suggestion(value: object, path: Path, origin: Origin, kind: str) -> str:
    if _is_private(path):
        quoted = kind == "string_type" and not isinstance(value, (dict, list)) and value is not None
        return "; put it in quotes" if quoted else ""
    choices = _choices(path)
    if type(value) is int and value not in choices and isinstance(next(iter(choices), None), int):
        return f"; the nearest is `{min(choices, key=lambda choice: abs(choice - value))}`"
    words = [str(word) for word in choices]
    text = origin.text or str(value)
    if words and not isinstance(value, (dict, list)) and value is not None:
        near = nearest(text, words)
        if near == text:
            return "; write it without quotes" if isinstance(value, str) else ""
        return f"; did you mean `{near}`?" if near else ""
    if kind == "string_type" and origin.text and value is not None and not looks_like_secret(text):
        return f'; put it in quotes: `"{printable(text)}"`'
    if kind == "int_type" and isinstance(value, str) and re.fullmatch("[0-9]{1,9}", text):
        return "; write it without quotes"
    if isinstance(value, Odd) and kind == "int_type":
        return "; write it with decimal digits only"
    if kind in _BLOCKS and value is None and path != ("packages",):
        return "; `{}` takes every default"
    return ""


def _choices(path: Path) -> Sequence[Any]:
    """Return the values that are known at the path; `runtimes` may add to those of a runtime."""
    allowed = allowed_at(path)
    known: Sequence[Any] = allowed.get("enum") or (allowed.get("examples", ()) if path[2:] == ("runtime",) else ())
    return [choice for choice in known if choice is not None]


def nearest(text: str, words: Sequence[str]) -> str | None:
    """Return the word that was probably meant, or None when none is near."""
    plain = {re.sub("[^a-z0-9]", "", word.lower()): word for word in words}
    key = re.sub("[^a-z0-9]", "", text.lower())
    if key in plain:
        return plain[key]
    # `3.12` means `python3.12`.
    ending = [word for word in words if text and word.endswith(text) and text[0].isdigit() and "." in text]
    return next(iter(ending or difflib.get_close_matches(text.lower(), words, n=1)), None)


def _nearest_key(path: Path) -> str:
    name = str(path[-1])
    near = nearest(name, keys_at(path[:-1]))
    if near:
        return f", did you mean `{near}`?"
    places = places_of(name)
    if places:
        return f" here, it belongs to {_either(places)}"
    elsewhere = nearest(name, sorted({place.rpartition(".")[2] for place, _ in walk()}))
    return f", did you mean {_either(places_of(elsewhere))}?" if elsewhere else ""


def _either(places: Iterable[str]) -> str:
    return " or ".join(f"`{place}`" for place in places)
