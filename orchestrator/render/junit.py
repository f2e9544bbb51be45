"""What became of builds as JUnit XML, for the test reports of GitLab."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

# XML 1.0, production 2: no document may hold the others, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


@dataclass(frozen=True)
class Case:
    """One package. `seconds` is how long its build took; `failure` is empty for success, `text` says more."""

    package: str
    target: str
    seconds: float
    failure: str = ""
    text: str = ""
    skipped: bool = False


def build_report(suite: str, cases: Sequence[Case]) -> str:
    """Return one suite with one test per package; what was stopped or overtaken is skipped, not failed."""
    element = ElementTree.Element(
        "testsuite",
        name=_clean(suite),
        tests=str(len(cases)),
        failures=str(sum(bool(case.failure) and not case.skipped for case in cases)),
        errors="0",
        skipped=str(sum(case.skipped for case in cases)),
        time=f"{sum(case.seconds for case in cases):.3f}",
    )
    for case in cases:
        test = ElementTree.SubElement(
            element,
            "testcase",
            classname=_clean(suite),
            name=_clean(f"{case.package} for {case.target}" if case.target else case.package),
            time=f"{case.seconds:.3f}",
        )
        if case.skipped:
            ElementTree.SubElement(test, "skipped", message=_clean(case.failure))
        elif case.failure:
            ElementTree.SubElement(test, "failure", message=_clean(case.failure)).text = _clean(case.text)
    root = ElementTree.Element("testsuites")
    root.append(element)
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _clean(text: str) -> str:
    return _NO_XML.sub("�", text)
