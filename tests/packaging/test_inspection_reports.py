"""What an inspection looks like to people, to programs and to GitLab, and how the command ends."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest
from click.testing import CliRunner
from elves import X86_64, elf
from zips import Content, make_zip

from orchestrator.cli.package_inspect import inspect
from orchestrator.packaging.inspection.model import Rule

_BAD: dict[str, Content] = {
    "cv2/a.so": elf(needed=["libGL.so.1"]),
    "cv2/b.so": elf(needed=["libGL.so.1", "libSM.so.6"]),
    "opencv_python-5.dist-info/RECORD": "cv2/a.so,,\ncv2/b.so,,\n",
    "evil\x1b]0;\x07<&>.so": elf(X86_64),
    "curl.so": elf(needed=["libcurl.so.4"]),
    "good.so": elf(needed=["libc.so.6"]),
}


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """Return the name of a package with findings of all kinds, in the current directory."""
    monkeypatch.chdir(tmp_path)
    return make_zip(tmp_path / "parser.zip", _BAD).name


def run(*arguments: str) -> tuple[int, str]:
    """Return how the command ends, and its standard output."""
    result = CliRunner().invoke(inspect, arguments, standalone_mode=False)
    if result.exception:
        raise result.exception
    return result.return_value, result.stdout


def test_text_is_short_and_safe(package: str) -> None:
    """What was inspected, findings by distribution with their advice, sizes, one line at the end; nothing steers it."""
    code, text = run(package)
    assert code == 5
    assert "\x1b" not in text
    lines = text.splitlines()
    assert lines[0] == "parser.zip for python3.12 on arm64 (Amazon Linux 2023)"
    assert lines[-1] == "cannot run as it is: 5 errors, 1 warning"
    at = lines.index("opencv-python 5")
    assert lines[at + 1 : at + 4] == [
        "  error    library  a need for `libGL.so.1`, `libSM.so.6` that nothing brings",
        "                    in cv2/a.so, cv2/b.so",
        "  -> use opencv-python-headless",
    ]
    assert "of 250.0 MB [#..." in text


def test_json_is_documented_and_complete(package: str) -> None:
    """Programs find every member of the finding and of the package, and whether it passed."""
    code, text = run(package, "--format", "json", "--allow", "library:cv2/*:libSM*=never used")
    document = json.loads(text)
    assert (code, document["schema_version"], document["passed"]) == (5, 1, False)
    assert document["target"] == {"architecture": "arm64", "runtime": "python3.12", "system": "Amazon Linux 2023"}
    assert (document["files"], document["native_files"], document["layers"]) == (6, 5, [])
    (opencv,) = [item for item in document["findings"] if item["file"] == "cv2/a.so"]
    assert opencv == {
        "rule": "library",
        "severity": "error",
        "file": "cv2/a.so",
        "distribution": "opencv-python 5",
        "subject": "libGL.so.1",
        "observed": "a need for `libGL.so.1` that nothing brings",
        "expected": "a library of the package, its layers or the runtime",
        "advice": "opencv-python needs libGL.so.1: use opencv-python-headless",
    }
    assert [(item["subject"], item["reason"]) for item in document["allowed"]] == [("libSM.so.6", "never used")]


def test_the_page_about_inspection_is_right(package: str) -> None:
    """It explains every rule and no other, and its JSON has the members that programs get."""
    page = (Path(__file__).parents[2] / "docs" / "inspection.md").read_text("utf-8")
    rules = page.split("## Rules")[1].split("\n\n")[1]
    assert re.findall(r"^\| `([a-z]+)` \|", rules, re.MULTILINE) == [rule.value for rule in Rule]
    shown = json.loads(page.split("```json\n")[1].split("```")[0])
    seen = json.loads(run(package, "--format", "json")[1])
    assert set(shown) == set(seen)
    assert set(shown["findings"][0]) == set(seen["findings"][0])


def test_junit_is_what_gitlab_reads(package: str) -> None:
    """Every finding is a test of its own name, errors fail, warnings and what is allowed are skipped, rules pass."""
    _, text = run(package, "--format", "junit", "--allow", "machine=a test")
    suite = ElementTree.fromstring(text).find("testsuite")  # noqa: S314 - we have just written it
    assert suite is not None
    cases = suite.findall("testcase")
    names = [(case.get("classname"), case.get("name")) for case in cases]
    assert len(names) == len(set(names)) == int(suite.get("tests", ""))
    assert len(suite.findall("testcase/failure")) == int(suite.get("failures", "")) == 4
    assert len(suite.findall("testcase/skipped")) == int(suite.get("skipped", "")) == 2
    assert ("opencv-python 5", "library: cv2/a.so: libGL.so.1") in names
    assert ("parser.zip", "format") in names
    assert sum("use opencv-python-headless" in str(case.text) for case in suite.iter("failure")) == 3


def test_code_quality_is_what_gitlab_reads(package: str) -> None:
    """Every issue has the members of GitLab's format, and a fingerprint that only what it is about can change."""
    _, text = run(package, "--format", "codequality")
    issues = json.loads(text)
    assert len(issues) == 6
    for issue in issues:
        assert set(issue) == {"description", "check_name", "fingerprint", "severity", "location"}
        assert issue["severity"] in ("critical", "minor")
        assert issue["location"] == {"path": "parser.zip", "lines": {"begin": 1}}
    prints = {issue["fingerprint"] for issue in issues}
    assert len(prints) == 6
    make_zip(Path("parser.zip"), {**_BAD, "more.so": elf(X86_64)})
    later = {issue["fingerprint"] for issue in json.loads(run(str(Path.cwd() / package), "--format", "codequality")[1])}
    assert len(later) == 7
    assert prints < later


def test_a_good_package_ends_with_zero(tmp_path: Path) -> None:
    """Warnings do not fail, the report goes to a file, and the layers and the table of runtimes are heard."""
    package = make_zip(tmp_path / "x.zip", {"a.so": elf(needed=["libcurl.so.4", "libx.so"])})
    layer = make_zip(tmp_path / "layer.zip", {"lib/libx.so": elf()})
    table = tmp_path / "rows.json"
    table.write_text('{"mine": {"system": "Amazon Linux 2023", "present": ["libcurl.so.4"]}}')
    output = tmp_path / "report.json"
    options = ["--layer", str(layer), "--runtime", "mine", "--runtimes", str(table)]
    code, text = run(str(package), *options, "--format", "json", "--output", str(output))
    assert (code, text) == (0, "")
    document = json.loads(output.read_text())
    assert [item["rule"] for item in document["findings"]] == ["unpromised"]
    assert document["layers"] == [layer.as_posix()]
    code, text = run(str(package), *options)
    assert code == 0
    assert text.splitlines()[-1] == "fits: no errors, 1 warning"
    assert "of it in layers" in text


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["absent.zip"], 2, "does not exist"),
        (["parser.zip", "--runtime", "python2.7"], 2, "python2.7"),
        (["parser.zip", "--architecture", "sparc"], 2, "sparc"),
        (["parser.zip", "--allow", "nothing=x"], 2, "--allow"),
        (["parser.zip", "--format", "xml"], 2, "xml"),
        (["parser.zip"], 5, ""),
    ],
)
def test_exit_codes_of_the_command(package: str, arguments: list[str], code: int, said: str) -> None:
    """Usage ends with 2 and says what was wrong, findings end with 5 and only the report is on standard output."""
    done = subprocess.run(
        [sys.executable, "-m", "orchestrator", "package", "inspect", *arguments],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == code
    assert said in done.stderr
    assert bool(done.stdout) is (code == 5)
