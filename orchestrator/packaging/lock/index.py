"""Asking package indexes what there is: PEP 691 JSON, PEP 503 HTML, and directories or pages of files."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cached_property
from html.parser import HTMLParser
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote, unquote, urljoin, urlsplit

from packaging.utils import (
    InvalidSdistFilename,
    InvalidWheelFilename,
    canonicalize_name,
    parse_sdist_filename,
    parse_wheel_filename,
)
from packaging.version import InvalidVersion, Version

from orchestrator.errors import MachineryError
from orchestrator.packaging.lock.answers import PARALLEL, Page
from orchestrator.packaging.lock.credentials import expanded, index_variables, public, split_name

if TYPE_CHECKING:
    from orchestrator.packaging.lock.web import Web

_PYPI = "https://pypi.org/simple"
_ACCEPT = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1"  # PEP 691
_PAGE_LIMIT_BYTES = 128 * 1024 * 1024
_SHA256 = re.compile(r"sha256=([0-9a-f]{64})")


@dataclass(frozen=True)
class IndexFile:
    """One file that an index offers; `requires_python` and `sha256` are empty if the index does not tell."""

    name: str
    url: str
    sha256: str
    size_bytes: int | None
    requires_python: str
    yanked: bool

    @property
    def is_wheel(self) -> bool:
        """Tell a wheel from a source distribution."""
        return self.name.endswith(".whl")

    @property
    def is_pure(self) -> bool:
        """Tell whether its name claims that it runs anywhere."""
        return self.name.endswith("-none-any.whl")


@dataclass(frozen=True)
class Project:
    """What the indexes have of one project: its files by version."""

    name: str
    releases: Mapping[Version, tuple[IndexFile, ...]]


@dataclass(frozen=True)
class Places:
    """Where to look, in uv's order. `merged` is `UV_INDEX_STRATEGY` other than its default `first-index`."""

    indexes: tuple[str, ...]
    links: tuple[str, ...] = ()
    merged: bool = False


def places_of(lines: Iterable[str], environ: Mapping[str, str]) -> Places:
    """Return where uv looks, given the index options of the input and the environment (uv docs: indexes).

    Extra indexes come before the default one, those of the environment before those of the file.
    """
    found = _options(lines, environ)
    named = dict.fromkeys(url for _, url in index_variables(environ))
    default = [split_name(environ[name])[1] for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL") if environ.get(name)]
    default = [*default, *found["--index-url"], _PYPI][:1]
    extra = [url for url in named if url not in default]
    links = [*environ.get("UV_FIND_LINKS", "").replace(",", " ").split(), *found["--find-links"]]
    indexes = () if found["--no-index"] else (*extra, *found["--extra-index-url"], *default)
    merged = environ.get("UV_INDEX_STRATEGY", "").startswith("unsafe-")
    return Places(tuple(dict.fromkeys(indexes)), tuple(links), merged)


def index_variables_of(lines: Iterable[str], hosts: Iterable[str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return uv's variables that let it look where `places_of` says, for calls that read no requirement file.

    They may hold passwords, which is why they are no options. `hosts` are those of `--trusted-host`.
    """
    found = _options(lines, environ)
    values = {
        "UV_INDEX": " ".join([*environ.get("UV_INDEX", "").split(), *found["--extra-index-url"]]),
        "UV_FIND_LINKS": ",".join(filter(None, [environ.get("UV_FIND_LINKS", ""), *found["--find-links"]])),
        "UV_INSECURE_HOST": " ".join([*environ.get("UV_INSECURE_HOST", "").split(), *hosts]),
    }
    if not any(environ.get(name) for name in ("UV_DEFAULT_INDEX", "UV_INDEX_URL")):
        values["UV_DEFAULT_INDEX"] = "".join(found["--index-url"][:1])
    return {name: value for name, value in values.items() if value}


def _options(lines: Iterable[str], environ: Mapping[str, str]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"--index-url": [], "--extra-index-url": [], "--find-links": [], "--no-index": []}
    for line in lines:
        option, _, value = line.partition(" ")
        found[option].append(expanded(value.strip(), environ))
    return found


@dataclass
class Index:
    """The indexes of one package; answers are remembered, so one object serves every target.

    `open_web` is called when something is asked for the first time.
    """

    places: Places
    open_web: Callable[[], Web]
    _known: dict[str, Project | None] = field(default_factory=dict)
    _linked: list[IndexFile] | None = None

    @cached_property
    def web(self) -> Web:
        """The client."""
        return self.open_web()

    def project(self, name: str) -> Project | None:
        """Return the project, or None if no index has it; raises MachineryError, ConfigurationError."""
        return self.projects([name])[canonicalize_name(name)]

    def projects(self, names: Iterable[str]) -> dict[str, Project | None]:
        """Return several projects by normalised name, asked for in parallel."""
        wanted = list(dict.fromkeys(str(canonicalize_name(name)) for name in names))
        missing = [name for name in wanted if name not in self._known]
        if missing:
            linked = self._links()
            with ThreadPoolExecutor(PARALLEL) as pool:
                self._known.update(zip(missing, pool.map(lambda name: self._ask(name, linked), missing), strict=True))
        return {name: self._known[name] for name in wanted}

    def _ask(self, name: str, linked: list[IndexFile]) -> Project | None:
        files = [file for file in linked if project_of(file.name) == name]
        found = bool(files)
        for base in self.places.indexes:
            page = self._page(base, name)
            if page is None:
                continue
            found = True
            files += files_of(page)
            if not self.places.merged:
                break
        return Project(name, _by_version(name, files)) if found else None

    def _page(self, base: str, name: str) -> Page | None:
        url = f"{base.rstrip('/')}/{name}/"
        if urlsplit(base).scheme == "file":
            path = Path(unquote(urlsplit(url).path)) / "index.html"
            return Page(url, 200, "text/html", path.read_bytes()) if path.is_file() else None
        page = self.web.page(url, {"Accept": _ACCEPT}, _PAGE_LIMIT_BYTES)
        return page if page.status == 200 else None

    def _links(self) -> list[IndexFile]:
        if self._linked is None:
            self._linked = [file for place in self.places.links for file in self._linked_files(place)]
        return self._linked

    def _linked_files(self, place: str) -> list[IndexFile]:
        if "://" in place and not place.startswith("file:"):
            page = self.web.page(place, {}, _PAGE_LIMIT_BYTES)
            return files_of(page) if page.status == 200 else []
        folder = Path(unquote(urlsplit(place).path) if "://" in place else place)
        paths = sorted(folder.iterdir()) if folder.is_dir() else []
        return [IndexFile(path.name, f"file://{quote(str(path))}", "", None, "", yanked=False) for path in paths]


def files_of(page: Page) -> list[IndexFile]:
    """Return the files that a page of an index lists."""
    if "json" in page.content_type:
        try:
            return [_from_json(entry, page.url) for entry in json.loads(page.body)["files"]]
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MachineryError(
                f"`{public(page.url)}` is not the page of an index",
                detail=f"observed: {type(error).__name__}, expected: the JSON of PEP 691",
                hint="check the URL of the index; try again if it is right",
            ) from None
    parser = _Anchors()
    parser.feed(page.body.decode("utf-8", "replace"))
    return [_from_anchor(attributes, page.url) for attributes in parser.found]


def project_of(file_name: str) -> str:
    """Return the normalised project name of a wheel or source distribution, or nothing if the name is neither."""
    try:
        parsed = parse_wheel_filename if file_name.endswith(".whl") else parse_sdist_filename
        return str(parsed(file_name)[0])
    except (InvalidWheelFilename, InvalidSdistFilename, InvalidVersion):
        return ""


def _by_version(name: str, files: Iterable[IndexFile]) -> dict[Version, tuple[IndexFile, ...]]:
    releases: dict[Version, list[IndexFile]] = {}
    versions: dict[str, Version | None] = {}
    for file in files:
        text = _version_text(name, file.name)
        if text not in versions:
            versions[text] = _version(text)
        if version := versions[text]:
            releases.setdefault(version, []).append(file)
    return {version: tuple(found) for version, found in releases.items()}


def _version_text(name: str, file: str) -> str:
    """Return the version in a file's name. Parsing whole names would take a second for the largest projects."""
    if file.endswith(".whl"):
        parts = file.split("-")
        return parts[1] if len(parts) in (5, 6) else ""
    for ending in (".tar.gz", ".zip", ".tar.bz2", ".tgz", ".tar.xz"):
        if file.endswith(ending):
            stem = file.removesuffix(ending)
            head = stem[: len(name)]
            return stem[len(name) + 1 :] if canonicalize_name(head) == name else stem.rpartition("-")[2]
    return ""


def _version(text: str) -> Version | None:
    try:
        return Version(text)
    except InvalidVersion:
        return None


def _from_json(entry: Mapping[str, object], base: str) -> IndexFile:
    hashes, size = entry.get("hashes"), entry.get("size")
    return IndexFile(
        name=str(entry.get("filename", "")),
        url=public(urljoin(base, str(entry.get("url", "")))),
        sha256=str(hashes.get("sha256", "")) if isinstance(hashes, Mapping) else "",
        size_bytes=size if isinstance(size, int) else None,
        requires_python=str(entry.get("requires-python") or ""),
        yanked=bool(entry.get("yanked")),
    )


def _from_anchor(attributes: Mapping[str, str], base: str) -> IndexFile:
    url, _, fragment = urljoin(base, attributes.get("href", "")).partition("#")
    digest = _SHA256.search(fragment)
    name = unquote(urlsplit(url).path.rpartition("/")[2])
    yanked = "data-yanked" in attributes
    return IndexFile(
        name, public(url), digest[1] if digest else "", None, attributes.get("data-requires-python", ""), yanked
    )


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[dict[str, str]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "a":
            self.found.append({name: value or "" for name, value in attrs})
