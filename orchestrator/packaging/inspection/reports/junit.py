"""An inspection as JUnit XML, for the test reports of GitLab."""

from __future__ import annotations

import re
from xml.etree import ElementTree

from orchestrator.packaging.inspection.model import Finding, Rule, Severity
from orchestrator.packaging.inspection.reports.subject import Inspected

# XML 1.0, production 2: no document may hold the others, not even escaped.
_NO_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def as_junit(inspected: Inspected) -> str:
    """Return a suite with a test for every finding, and one for every rule that nothing breaks.

    GitLab shows `classname` as the suite and takes two tests of one `classname` and `name` for one ("Unit test
    reports"): the name has all that tells findings apart. Warnings and what is allowed are skipped tests.
    """
    inspection = inspected.inspection
    suite = ElementTree.Element("testsuite", name=_clean(f"{inspected.package} for {inspected.target}"))
    for finding in inspection.findings:
        case = _case(suite, finding)
        if finding.severity is Severity.ERROR:
            failure = ElementTree.SubElement(case, "failure", message=_clean(str(finding)), type=finding.rule.value)
            failure.text = _clean(f"{finding}\n\nhint: {finding.advice}")
        else:
            ElementTree.SubElement(case, "skipped", message=_clean(f"warning: {finding}; {finding.advice}"))
    for allowed in inspection.allowed:
        message = _clean(f"allowed ({allowed.reason}): {allowed.finding}")
        ElementTree.SubElement(_case(suite, allowed.finding), "skipped", message=message)
    broken = {finding.rule for finding in inspection.findings} | {item.finding.rule for item in inspection.allowed}
    for rule in Rule:
        if rule not in broken:
            ElementTree.SubElement(suite, "testcase", classname=_clean(inspected.package), name=rule.value, time="0")
    suite.set("tests", str(len(suite.findall("testcase"))))
    suite.set("failures", str(len(inspection.errors)))
    suite.set("errors", "0")
    suite.set("skipped", str(len(suite.findall("testcase/skipped"))))
    root = ElementTree.Element("testsuites")
    root.append(suite)
    ElementTree.indent(root)
    return f"<?xml version='1.0' encoding='UTF-8'?>\n{ElementTree.tostring(root, encoding='unicode')}\n"


def _case(suite: ElementTree.Element, finding: Finding) -> ElementTree.Element:
    name = _clean(f"{finding.rule.value}: {finding.file}: {finding.subject}")
    origin = _clean(finding.distribution or "the application")
    return ElementTree.SubElement(suite, "testcase", classname=origin, name=name, time="0")


def _clean(text: str) -> str:
    return _NO_XML.sub("�", text)
