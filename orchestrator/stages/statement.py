"""The provenance of a package, read as the untrusted text that it is."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from orchestrator.errors import Refused
from orchestrator.packaging.documents.provenance import BUILD_TYPE, PREDICATE_TYPE, STATEMENT_TYPE
from orchestrator.stages.strict_json import strict_json


def check_statement(content: bytes, *, sha256: str, commit: str, invocation: str, builder: str) -> None:
    """Raise `Refused` unless the statement is about this package, this commit and this run of this builder."""
    try:
        document = strict_json(content)
    except ValueError:
        document = None
    expected = {
        "_type": STATEMENT_TYPE,
        "predicateType": PREDICATE_TYPE,
        "subject": [sha256],
        "buildType": BUILD_TYPE,
        "builder": builder,
        "invocationId": invocation,
        "commit": [commit],
    }
    try:
        observed = dict(_of(document))
    except (AttributeError, KeyError, TypeError) as error:
        raise _refused(f"observed: no statement of the form that we write ({type(error).__name__})") from None
    wrong = [
        f"{name}: observed {observed[name]!a:.200}, expected {value!a}"
        for name, value in expected.items()
        if observed[name] != value
    ]
    if wrong:
        raise _refused("\n".join(wrong))


def _of(document: Any) -> Iterator[tuple[str, object]]:
    definition, details = document["predicate"]["buildDefinition"], document["predicate"]["runDetails"]
    yield "_type", document["_type"]
    yield "predicateType", document["predicateType"]
    yield "subject", [subject["digest"]["sha256"] for subject in document["subject"]]
    yield "buildType", definition["buildType"]
    yield "builder", details["builder"]["id"]
    yield "invocationId", details["metadata"]["invocationId"]
    named = [item for item in definition["resolvedDependencies"] if item.get("name") == "commit"]
    yield "commit", [item["digest"]["gitCommit"] for item in named]


def _refused(detail: str) -> Refused:
    return Refused(
        "the provenance of the package is not about this build",
        detail=detail,
        hint="do not use this package; find out what wrote the statement",
    )
