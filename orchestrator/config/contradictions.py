"""Values that are right by themselves and wrong together."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

from orchestrator.config.document import Document
from orchestrator.config.images import architecture_of
from orchestrator.config.making import contradictions_of_package, runtime_rows
from orchestrator.config.problem import Path
from orchestrator.config.targets import taken_names
from orchestrator.vocabulary import Architecture, Return, Source, StateBackend

_STATE_KEYS = {
    "path": StateBackend.LOCAL,
    "bucket": StateBackend.S3,
    "key": StateBackend.S3,
    "region": StateBackend.S3,
    "use_lockfile": StateBackend.S3,
    "name": StateBackend.GITLAB,
}


def misplaced(document: Document) -> Iterator[tuple[Path, str]]:
    """Give the keys that cannot be what they are because of another key; asks for the document as it was written."""
    if document.at("clone") is not None and document.at("source") != Source.CLONE.value:
        yield ("clone",), "has no effect without `source: clone`"
    if document.at("handback") is not None and document.at("return") != Return.EVENT.value:
        yield ("handback",), "has no effect without `return: event`"
    if document.at("trigger") is not None and document.at("return") == Return.WAIT.value:
        yield ("trigger",), "has no effect with `return: wait`: nobody needs a trigger token"
    yield from taken_names(document)
    state = document.at("terraform", "state")
    for key, backend in _STATE_KEYS.items():
        if document.at("terraform", key) is not None and state != backend.value:
            observed = f"found `state: {state}`" if state in list(StateBackend) else "found no `state` there"
            yield ("terraform", key), f"has an effect only with `state: {backend}`, {observed}"


def contradictions(document: Document) -> Iterator[tuple[Path, str]]:
    """Give what is wrong between keys; asks for the completed document, of whatever types it is."""
    packages = document.at("packages")
    for name in packages if isinstance(packages, dict) else ():
        yield from _image(document, name)
        yield from contradictions_of_package(document, name)
    yield from runtime_rows(document)
    yield from _way_home(document)
    if document.at("artifacts", "managed") is False and not document.at("artifacts", "bucket"):
        yield ("artifacts", "managed"), "a bucket that is not created needs its name in `artifacts.bucket`"
    if document.at("terraform", "state") == StateBackend.S3.value and not document.at("terraform", "bucket"):
        yield ("terraform", "state"), "`s3` needs the name of an existing bucket in `terraform.bucket`"


def _way_home(document: Document) -> Iterator[tuple[Path, str]]:
    """Give what is wrong with the address that the function sends a token to; the local stand-in has no certificate."""
    url = document.at("gitlab", "url")
    if document.at("return") != Return.EVENT.value or not isinstance(url, str) or not url.startswith("http://"):
        return
    if urlsplit(url).hostname not in {"127.0.0.1", "localhost"}:
        yield ("gitlab", "url"), "`return: event` needs an address that begins with `https://`"


def _image(document: Document, name: str) -> Iterator[tuple[Path, str]]:
    path: Path = ("packages", name, "build", "image")
    image = document.at(*path)
    wanted = document.at("packages", name, "architecture") or Architecture.ARM64.value
    if not isinstance(image, str) or wanted not in [word.value for word in Architecture]:
        return
    has = architecture_of(image)
    if has is not None and has.value != wanted:
        yield path, f"package `{name}` is for {wanted}, but the image `{image}` is for {has}"
