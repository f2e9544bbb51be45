"""Which Lambda runtime a folder is written for, by what its tools were told."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from packaging.specifiers import InvalidSpecifier, SpecifierSet

from orchestrator.config.package_model import Package
from orchestrator.discovery.tree import Found, Tree, upwards
from orchestrator.packaging.runtimes import runtimes
from orchestrator.vocabulary import Architecture

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT = str(Package.model_fields["runtime"].default)
_TEMPLATES = ("template.yaml", "template.yml", "serverless.yml", "serverless.yaml")
_RUNTIME = re.compile(r"""^\s*-?\s*runtime:\s*['"]?(python3\.\d+)\b""", re.IGNORECASE | re.MULTILINE)
_IMAGE = re.compile(r"^\s*FROM\s+\S*?(?:build-python|python)[:-]?v?(3\.\d+)", re.IGNORECASE | re.MULTILINE)
_VERSION = re.compile(r"^\s*(?:python[ -])?(3\.\d+)", re.MULTILINE)
_PIPFILE = re.compile(r"""^\s*python_(?:full_)?version\s*=\s*['"](3\.\d+)""", re.MULTILINE)
_ARCHITECTURE = re.compile(
    r"""^\s*architectures?:\s*(?:\[?\s*|\s*\n\s*-\s*)['"]?(arm64|x86_64)\b""", re.IGNORECASE | re.MULTILINE
)


def runtime_of(tree: Tree, folder: str) -> Found | None:
    """Return the runtime that a folder asks for, or the nearest one that Lambda has; None if nothing says any."""
    asked = next(_asked(tree, folder), None)
    if asked is None or asked.value in runtimes():
        return asked
    return Found(DEFAULT, f"{asked.why}, and `{asked.value}` is not in the table of Lambda runtimes")


def architecture_of(tree: Tree, folder: str) -> Found | None:
    """Return the architecture that a template names; None if none does."""
    for path in _near(tree, folder, _TEMPLATES):
        if word := _most(_ARCHITECTURE.findall(tree.files[path])):
            return Found(Architecture(word.lower()).value, f"`{path}` says so")
    return None


def _asked(tree: Tree, folder: str) -> Iterator[Found]:
    """Yield what the folder and those around it say: what is about Lambda first, what is about tools last."""
    for names, read in _PLACES:
        for path in _near(tree, folder, names):
            if version := read(tree.files[path]):
                yield Found(f"python{version.removeprefix('python')}", f"`{path}` says so")


def _near(tree: Tree, folder: str, names: tuple[str, ...]) -> Iterator[str]:
    for place in upwards(folder):
        for name in names:
            if path := tree.beside(place, name):
                yield path


def _most(words: list[str]) -> str | None:
    """Return the word that is there most often, of several the first."""
    return Counter(words).most_common(1)[0][0] if words else None


def _pattern(pattern: re.Pattern[str]) -> Callable[[str], str | None]:
    return lambda text: _most(pattern.findall(text))


def _required(text: str) -> str | None:
    """Return the Python that `requires-python` wants: ours if it may be, else the newest that may."""
    try:
        document: Any = tomllib.loads(text)
        wanted = document.get("project", {}).get("requires-python")
        wanted = wanted or document.get("tool", {}).get("poetry", {}).get("dependencies", {}).get("python")
        allowed = SpecifierSet(_as_specifier(str(wanted))) if wanted else None
    except (ValueError, AttributeError, InvalidSpecifier):
        return None
    known = [row.python for row in runtimes().values() if row.python]
    # Of a version such as 3.12 the last patch is meant: `>=3.12.4` does not exclude Lambda's.
    fitting = [python for python in known if allowed is not None and f"{python}.99" in allowed]
    ours = DEFAULT.removeprefix("python")
    return ours if ours in fitting else max(fitting, key=lambda text: int(text.split(".")[1]), default=None)


def _as_specifier(text: str) -> str:
    """Return Poetry's caret and tilde as the specifications spell them: `^3.11` is at least that, below 4."""
    found = re.fullmatch(r"\s*\^\s*(\d[\d.]*)\s*", text)
    if found:
        return f">={found[1]},<4"
    found = re.fullmatch(r"\s*~\s*(\d+\.\d+)[\d.]*\s*", text)
    return f"=={found[1]}.*" if found else text


_PLACES: tuple[tuple[tuple[str, ...], Callable[[str], str | None]], ...] = (
    (_TEMPLATES, _pattern(_RUNTIME)),
    (("Dockerfile",), _pattern(_IMAGE)),
    ((".python-version", "runtime.txt", ".tool-versions"), _pattern(_VERSION)),
    (("Pipfile",), _pattern(_PIPFILE)),
    (("pyproject.toml",), _required),
)
