"""Says in plain language what pydantic found."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pydantic_core import ErrorDetails

from orchestrator.config.document import Document, Odd, Origin
from orchestrator.config.format import Format
from orchestrator.config.problem import Path, Problem, dotted, printable
from orchestrator.config.secrets import looks_like_secret

_BLOCKS = ("model_type", "model_attributes_type", "dict_type", "mapping_type")


def problems(errors: Iterable[ErrorDetails], document: Document, kind: Format[Any]) -> Iterator[Problem]:
    """Give one problem for each error, at the line where the value was written."""
    speaker = _Speaker(kind)
    for error in errors:
        path: Path = tuple(part for part in error["loc"] if part not in kind.union_tags)
        is_key = path[-1:] == ("[key]",)
        path = path[:-1] if is_key else path
        origin = document.origin(path)
        text = speaker.sentence(error, path, origin, is_key=is_key)
        yield Problem(origin.line, 0, dotted(origin.path), text)


@dataclass(frozen=True)
class _Speaker:
    """Knows the words of one kind of file."""

    file: Format[Any]

    def sentence(self, error: ErrorDetails, path: Path, origin: Origin, *, is_key: bool) -> str:
        kind = error["type"]
        if kind == "extra_forbidden":
            return f"unknown key{self._nearest_key(path)}"
        if kind == "missing":
            return self.file.missing.get(path) or self.file.missing_in_list.get(path[2:3] + path[4:], "missing")
        value = error["input"]
        expected = self._expected(kind, error.get("ctx") or {}, path)
        # What does not begin with "expected" is complete, and what is wrong with a key can be seen in the path.
        if is_key or not expected.startswith("expected"):
            return expected
        return f"{expected}, found {self._observed(value, path, origin)}{self._suggestion(value, path, origin, kind)}"

    def _expected(self, kind: str, context: Mapping[str, Any], path: Path) -> str:
        if kind == "value_error":
            return str(context["error"])
        if kind in _BLOCKS:
            return "expected a block of `key: value` lines"
        if kind == "too_short":
            return "expected at least one entry"
        if kind == "too_long":
            return f"expected at most {context['max_length']} entries"
        allowed = self.file.schema.allowed_at(path)
        if "enum" in allowed:
            *rest, last = [f"`{word}`" for word in allowed["enum"] if word is not None and not isinstance(word, list)]
            return f"expected {', '.join(rest)} or {last}" if rest else f"expected {last}"
        if "minimum" in allowed and "integer" in allowed["type"]:
            return f"expected a whole number from {allowed['minimum']} to {allowed.get('maximum', 'any')}"
        words = {"boolean": "expected true or false", "string": "expected text", "array": "expected a list"}
        return words.get(next(iter(allowed.get("type", ())), ""), "expected another value")

    def _observed(self, value: object, path: Path, origin: Origin) -> str:
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
        if self._is_private(path) or looks_like_secret(text):
            return f"{name}, which is not shown because it may be a secret"
        if isinstance(value, bool) and origin.text:
            return f"`{printable(text)}`, which YAML reads as {str(value).lower()}"
        supplier = f" from {origin.source}" if origin.source else ""
        return f"{name} `{printable(text)}`{supplier}"

    def _is_private(self, path: Path) -> bool:
        return self.file.is_private(path) or any(str(part).endswith("_parameter") for part in path[-1:])

    def _suggestion(self, value: object, path: Path, origin: Origin, kind: str) -> str:
        if self._is_private(path):
            quoted = kind == "string_type" and not isinstance(value, (dict, list)) and value is not None
            return "; put it in quotes" if quoted else ""
        choices = self._choices(path)
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
        if kind in _BLOCKS and value is None and path not in self.file.missing:
            return "; `{}` takes every default"
        return ""

    def _choices(self, path: Path) -> Sequence[Any]:
        """Return the values that are known at the path."""
        allowed = self.file.schema.allowed_at(path)
        examples = allowed.get("examples", ()) if self.file.has_examples_only(path) else ()
        known: Sequence[Any] = allowed.get("enum") or examples
        return [choice for choice in known if choice is not None and not isinstance(choice, list)]

    def _nearest_key(self, path: Path) -> str:
        name = str(path[-1])
        places = self.file.schema.places_of(name)
        if places:
            return f" here, it belongs to {_either(places)}"
        near = nearest(name, self.file.schema.keys_at(path[:-1]))
        if near:
            return f", did you mean `{near}`?"
        elsewhere = nearest(name, sorted({place.rpartition(".")[2] for place, _ in self.file.schema.walk()}))
        return f", did you mean {_either(self.file.schema.places_of(elsewhere))}?" if elsewhere else ""


def nearest(text: str, words: Sequence[str]) -> str | None:
    """Return the word that was probably meant, or None when none is near."""
    plain = {re.sub("[^a-z0-9]", "", word.lower()): word for word in words}
    key = re.sub("[^a-z0-9]", "", text.lower())
    if key in plain:
        return plain[key]
    # `3.12` means `python3.12`.
    ending = [word for word in words if text and word.endswith(text) and text[0].isdigit() and "." in text]
    return next(iter(ending or difflib.get_close_matches(text.lower(), words, n=1)), None)


def _type_name(value: object) -> str:
    if isinstance(value, bool):
        return "the truth value"
    return "the number" if isinstance(value, int) else "the text"


def _either(places: Iterable[str]) -> str:
    return " or ".join(f"`{place}`" if "." in place else f"`{place}` at the top level" for place in places)
