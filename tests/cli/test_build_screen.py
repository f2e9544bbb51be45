"""How running builds look, at a terminal and in a GitLab job."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import record

from orchestrator.cli.build_screen import LineScreen, SectionScreen
from orchestrator.records import LogLine, PhaseRecord
from orchestrator.render.sections import Paint
from orchestrator.watching.model import Changed, Ended, Lost, Missed, Seen, Trouble, Wrote

PLAIN = Paint(wanted=False)
ONE, TWO = record("demo-parser"), record("demo-images")
BORDER = re.compile(r"\x1b\[0Ksection_(start|end):([0-9]+):([A-Za-z0-9_.-]+)\r\x1b\[0K")


def wrote(build_id: str, *texts: str, at: int = 1_700_000_000) -> Wrote:
    """Return lines of a build, one a second."""
    return Wrote(build_id, [LogLine((at + number) * 1000, text) for number, text in enumerate(texts)])


def phase(name: str) -> tuple[str, ...]:
    """Return what CodeBuild writes around one line of a phase."""
    stamp = "[Container] 2026/01/31 12:00:00.123456"
    return (
        f"{stamp} Entering phase {name}\n",
        f"work of {name}\n",
        f"{stamp} Phase complete: {name} State: SUCCEEDED\n",
        f"{stamp} Phase context status code:  Message: \n",
    )


def sections(packages: dict[str, str], seen: Sequence[Seen]) -> str:
    """Return what a GitLab job shows."""
    shown: list[str] = []
    screen = SectionScreen(packages, shown.append, PLAIN)
    for one in seen:
        screen.tell(one)
    screen.close()
    return "".join(f"{text}\n" for text in shown)


def lines(packages: dict[str, str], seen: Sequence[Seen]) -> list[str]:
    """Return what a terminal shows."""
    shown: list[str] = []
    screen = LineScreen(packages, shown.append, PLAIN)
    for one in seen:
        screen.tell(one)
    screen.close()
    return "\n".join(shown).splitlines()


def test_every_phase_is_a_section_of_its_own_length() -> None:
    """A section begins and ends with the times of the log, so GitLab shows how long the phase took."""
    told = wrote(ONE.id, *phase("INSTALL"), *phase("BUILD"))
    shown = sections({ONE.id: "parser"}, [told, Ended(ONE)])
    assert BORDER.findall(shown) == [
        ("start", "1700000000", "parser_1_install"),
        ("end", "1700000003", "parser_1_install"),
        ("start", "1700000004", "parser_2_build"),
        ("end", "1700000007", "parser_2_build"),
    ]
    assert "\x1b[0Kparser: INSTALL\n" in shown
    assert shown.endswith("parser: SUCCEEDED: BUILD 3 s\n")


@pytest.mark.parametrize("last", [Ended(ONE), Lost(ONE.id, "gone"), None], ids=["ended", "lost", "left alone"])
def test_no_section_stays_open(last: Seen | None) -> None:
    """However the watching ends, in the midst of a phase, its section ends as well."""
    told: list[Seen] = [wrote(ONE.id, phase("BUILD")[0], "half\n")]
    kinds = [kind for kind, _, _ in BORDER.findall(sections({ONE.id: "parser"}, told + ([last] if last else [])))]
    assert kinds == ["start", "end"]


def test_a_build_cannot_draw_borders() -> None:
    """What a build prints of GitLab's own markers is text."""
    shown = sections({ONE.id: "parser"}, [wrote(ONE.id, "\x1b[0Ksection_start:1:x\r\x1b[0Kmine\n", "section_end:1:x")])
    assert not BORDER.findall(shown)
    assert "mine" in shown


@given(st.lists(st.booleans(), max_size=30), st.data())
def test_sections_never_overlap_and_nothing_is_lost(turns: list[bool], data: st.DataObject) -> None:
    """Two builds that write at once, cut anywhere: one section at a time, and all lines of each in their order."""
    stories = {one.id: [*phase("INSTALL"), "between\n", *phase("BUILD")] for one in (ONE, TWO)}
    left = {build_id: list(story) for build_id, story in stories.items()}
    seen: list[Seen] = []
    for turn in [*turns, *[True] * 9, *[False] * 9]:
        rest = left[ONE.id if turn else TWO.id]
        count = data.draw(st.integers(1, 4))
        if rest:
            seen.append(wrote(ONE.id if turn else TWO.id, *(f"{'pi'[turn]} {text}" if "Container" not in text else text
                                                           for text in rest[:count])))  # fmt: skip
            del rest[:count]
    shown = sections({ONE.id: "parser", TWO.id: "images"}, [*seen, Ended(ONE), Ended(TWO)])
    open_now = ""
    for kind, _, name in BORDER.findall(shown):
        assert (open_now == "") is (kind == "start")
        assert kind == "start" or open_now == name
        open_now = name if kind == "start" else ""
    assert open_now == ""
    for mark in "pi":
        own = [line for line in shown.splitlines() if line.startswith(f"{mark} ")]
        assert own == [f"{mark} work of INSTALL", f"{mark} between", f"{mark} work of BUILD"]


@pytest.mark.parametrize("text", ["x" * 900, "short"], ids=["long lines", "many lines"])
def test_a_job_can_hold_all_that_is_shown(text: str) -> None:
    """However much builds write, the runner still listens when it is told how each of them has ended."""
    packages = {ONE.id: "parser", TWO.id: "images"}
    count = 5 * 1024 * 1024 // (len(text) + 40) // len(packages)
    head, *_, state, context = phase("BUILD")
    seen: list[Seen] = []
    for build_id in packages:
        many = [head, *[f"{text} {number}\n" for number in range(count)], state, context]
        seen += [wrote(build_id, *many[at : at + 5000]) for at in range(0, len(many), 5000)]
    shown = sections(packages, [*seen, Ended(ONE), Ended(TWO)])
    # The time before each line counts as well.
    assert len(shown.encode()) + 33 * shown.count("\n") < 3.3 * 1024 * 1024
    for build_id, package in packages.items():
        assert f"orchestrator logs {build_id}" in shown
        assert f"\n{package}: SUCCEEDED" in shown
    assert shown.count(f"\n{text} 0\n") == shown.count(f"\n{text} {count - 1}\n") == 2
    assert [mark for mark, _, _ in BORDER.findall(shown)] == ["start", "end"] * 2
    told = sum(map(int, re.findall(r"\[(\d+) lines are not shown\]", shown)))
    assert told + shown.count(f"\n{text} ") == 2 * count


def test_the_turn_goes_round() -> None:
    """What the second build has written is shown when the first is between two phases, not after its end."""
    first, second = phase("INSTALL"), phase("BUILD")
    told = [wrote(ONE.id, *first[:2]), wrote(TWO.id, "of the other\n"), wrote(ONE.id, *first[2:], *second)]
    shown = sections({ONE.id: "parser", TWO.id: "images"}, told)
    assert shown.index("of the other") < shown.index("work of BUILD")


def test_several_builds_at_a_terminal_are_told_apart() -> None:
    """Each line begins with its package; a single build has its lines as they are."""
    told = [wrote(ONE.id, "a\nb\n"), wrote(TWO.id, "c\n")]
    assert lines({ONE.id: "parser", TWO.id: "ui"}, told) == ["parser | a", "parser | b", "ui     | c"]
    assert lines({ONE.id: "parser"}, told[:1]) == ["a", "b"]


def test_what_no_log_says_is_told() -> None:
    """The phases before there is a log, failures with their reason, gaps, trouble and the end."""
    queued = replace(ONE, phases=(PhaseRecord("SUBMITTED", "SUCCEEDED", 0), PhaseRecord("QUEUED", "", None)))
    failed = replace(
        ONE, status="FAILED", phases=(*queued.phases[:1], PhaseRecord("QUEUED", "FAILED", 7, "\x1b[2Jno subnet"))
    )
    seen = [Changed(queued), Changed(queued), Trouble("throttled"), Missed(ONE.id, "deleted"), Changed(failed),
            Ended(failed)]  # fmt: skip
    assert lines({ONE.id: "parser"}, seen) == [
        "QUEUED",
        "throttled: trying again",
        "[a piece of the log is missing here: deleted]",
        "QUEUED FAILED after 7 s: no subnet",
        "FAILED: QUEUED 7 s",
    ]
    assert "parser: QUEUED FAILED after 7 s: no subnet\n" in sections({ONE.id: "parser"}, seen)
