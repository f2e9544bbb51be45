"""Logs of many builds, told as they are: every line, once, in its order."""

from __future__ import annotations

import random
from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from instant import Instant
from logged import EPOCH, LAST, Running, Sky, Written, ends_of, log_of

from orchestrator.errors import Denied, MachineryError
from orchestrator.patience import Patience
from orchestrator.watching.followed import Followed
from orchestrator.watching.log_alone import AloneSource
from orchestrator.watching.model import Ended, Lost, Missed, Trouble, Wrote


def chatty(number: int, *, ends: float, step: float, late: float = 0.0, closing: bool = True) -> Running:
    """Return a build that writes a line every `step` seconds, and at its end what CodeBuild writes."""
    count = int((ends - 1) / step)
    lines = [Written(step * index, f"{number} says {index}\n", late) for index in range(count)]
    if closing:
        lines += [Written(ends - 0.5, text, late) for text in LAST]
    return Running(f"p:{number}", ends=ends, lines=lines)


class Chance(Sky):
    """A sky where pauses are drawn and calls fail, by a seed."""

    def __init__(self, builds: list[Running], seed: int, failing: float, *, piece: int) -> None:
        super().__init__(builds, piece=piece)
        self.chance = random.Random(seed)  # noqa: S311 - chance is no secret
        self.failing = failing
        self.trips = self.trip

    def trip(self, name: str) -> None:
        if self.chance.random() < self.failing:
            raise MachineryError(f"{name} failed")

    @property
    def patience(self) -> Patience:
        return replace(self.time.patience, jitter=lambda longest: self.chance.uniform(0, longest))


writing = st.lists(st.tuples(st.floats(0, 90), st.sampled_from([0.0, 0.0, 0.0, 0.3, 4.0, 14.0])), max_size=12)


@st.composite
def some_builds(draw: st.DrawFn) -> list[Running]:
    """Return builds with bursts, silences and lines that show late, within a stream in their order."""
    builds = []
    for number in range(draw(st.integers(1, 5))):
        shown = 0.0
        lines = []
        for index, (at, late) in enumerate(sorted(draw(writing))):
            shown = max(shown, at + late)
            lines.append(Written(at, f"{number}.{index}\n", shown - at))
        ends = max([90.0, *(line.at for line in lines)]) + draw(st.floats(0, 30))
        if draw(st.booleans()):
            late = max(0.0, shown - ends)
            lines += [Written(ends, text, late) for text in LAST]
        # What shows later than CloudWatch Logs takes at most is nobody's promise.
        lines = [replace(line, late=min(line.late, ends + 14.0 - line.at)) for line in lines]
        group = draw(st.sampled_from(["/one", "/one", "/two"]))
        builds.append(Running(f"p:{number}", ends=ends, lines=lines, group=group))
    return builds


@settings(deadline=None, max_examples=60)
@given(builds=some_builds(), seed=st.integers(0, 2**16), failing=st.sampled_from([0.0, 0.2]), piece=st.integers(1, 9))
def test_every_line_is_told_once_and_in_order(builds: list[Running], seed: int, failing: float, piece: int) -> None:
    """Whatever is written when, shows late, comes in small pieces or fails in between: the log is the log."""
    sky = Chance(builds, seed, failing, piece=piece)
    told = sky.watch()
    for build in builds:
        assert log_of(told, build.id) == build.texts
        about = [
            seen
            for _, seen in told
            if getattr(seen, "build_id", getattr(getattr(seen, "record", None), "id", "")) == build.id
        ]
        assert isinstance(about[-1], Ended)
        assert [seen for seen in about if isinstance(seen, (Ended, Lost))] == about[-1:]


def test_many_builds_of_a_group_are_read_together() -> None:
    """A hundred builds that talk all the time cost the calls of one, and no line waits longer than a poll."""
    sky = Sky([chatty(number, ends=120, step=4) for number in range(100)], piece=10_000)
    told = sky.watch()
    assert len(sky.called("page")) <= 5
    assert len(sky.called("several")) <= 120
    assert len(sky.called("builds")) <= 240
    assert max(ends_of(told).values()) < 122
    for build in sky.running.values():
        assert log_of(told, build.id) == build.texts


def test_no_line_waits_for_five_seconds() -> None:
    """At the longest pauses a line is told sooner than a loop of five seconds would tell it."""
    builds = [chatty(number, ends=100, step=7) for number in range(20)]
    sky = Sky(builds, piece=10_000)
    delays = []
    for at, seen in sky.watch():
        if isinstance(seen, Wrote):
            delays += [at - (line.moment / 1000 - EPOCH) for line in seen.lines]
    assert max(delays) < 4


def test_who_speaks_after_a_long_silence_is_read_alone() -> None:
    """What a quiet build wrote, and what shows only with its next line, is not lost between those who talk."""
    quiet = Running(
        "p:quiet",
        ends=300,
        lines=[
            Written(1, "first\n"),
            Written(100, "shows late\n", 95),
            Written(195, "next\n"),
            *(Written(299, text) for text in LAST),
        ],
    )
    sky = Sky([quiet, *(chatty(number, ends=310, step=1) for number in range(3))])
    told = sky.watch()
    assert log_of(told, quiet.id) == quiet.texts
    assert sky.called("page")
    next_told = next(at for at, seen in told if isinstance(seen, Wrote) and seen.lines[-1].text == "next\n")
    assert next_told < 200


def test_a_flood_does_not_drown_the_others() -> None:
    """While some builds write more than can be read, what the others write is told all the same."""
    floods = [chatty(number, ends=60, step=0.08) for number in range(2)]
    calm = Running("p:calm", ends=50, lines=[Written(at, f"{at}\n") for at in range(20, 45, 4)], known_from=15)
    calm.lines += [Written(49, text) for text in LAST]
    sky = Sky([*floods, calm], piece=20)
    slow = sky.world(log_calls_per_second=2.0, group_calls_per_second=1.0)
    sky.world = lambda **_members: slow  # type: ignore[method-assign]
    told = sky.watch()
    for build in sky.running.values():
        assert log_of(told, build.id) == build.texts
    delays = [
        at - (line.moment / 1000 - EPOCH)
        for at, seen in told
        if isinstance(seen, Wrote) and seen.build_id == calm.id
        for line in seen.lines
    ]
    assert max(delays) < 12


def test_without_permission_each_log_is_read_alone() -> None:
    """A role that may not read logs together reads each, within what the region allows, and loses nothing."""
    sky = Sky([chatty(number, ends=60, step=5) for number in range(20)])

    def trip(name: str) -> None:
        if name == "several":
            raise Denied("may not")

    sky.trips = trip
    told = sky.watch()
    assert len(sky.called("several")) == 1
    for build in sky.running.values():
        assert log_of(told, build.id) == build.texts
    assert not [seen for _, seen in told if isinstance(seen, (Missed, Trouble))]


@pytest.mark.parametrize("alone, together", [(2.0, 1.0), (8.0, 4.0)])
def test_calls_stay_below_the_limit(alone: float, together: float) -> None:
    """However many logs there are, of each operation there is only so much in a second and in a minute."""
    builds = [
        replace(chatty(number, ends=60, step=1), group=f"/{number // 2 if number < 40 else number}")
        for number in range(80)
    ]
    sky = Sky(builds)
    with_limit = sky.world(log_calls_per_second=alone, group_calls_per_second=together)
    sky.world = lambda **_members: with_limit  # type: ignore[method-assign]
    sky.watch()
    for name, per_second in (("page", alone), ("several", together)):
        calls = sky.called(name)
        for begin in range(60):
            assert sum(begin <= at < begin + 1 for at in calls) <= 2 * per_second + 2
        assert 50 * per_second <= sum(at < 60 for at in calls) <= 61 * per_second + 1


@pytest.mark.parametrize("beside, within_seconds", [(0, 2.0), (40, 2.5)])
def test_many_ends_at_once_are_told_soon(beside: int, within_seconds: float) -> None:
    """A hundred builds of ten groups that end within four seconds are told in time, whatever is read beside them."""
    many = [replace(chatty(number, ends=60 + number / 25, step=1), group=f"/{number % 10}") for number in range(100)]
    others = [replace(chatty(100 + number, ends=90, step=1), group=f"/{100 + number}") for number in range(beside)]
    told = ends_of(Sky([*many, *others], piece=10_000).watch())
    assert max(told[build.id] - build.ends for build in many) < within_seconds


def test_a_failure_of_long_ago_is_no_reason_to_give_up() -> None:
    """A log that is read by others for a while, after a call for it alone had failed, may fail once more at its end."""
    time = Instant()
    source = AloneSource(Followed("p:1", logs=True, now=0.0), Sky([]), time.patience)
    source.wake()
    assert not [seen for seen in source.failed(MachineryError("reset")) if isinstance(seen, Missed)]
    source.sleep()
    time.now = 500.0
    source.build.ended_at = 499.0
    source.wake()
    assert not [seen for seen in source.failed(MachineryError("reset")) if isinstance(seen, Missed)]
    assert not source.build.gap


def test_the_end_is_told_at_once_when_the_log_shows_it() -> None:
    """CodeBuild's last line proves that a log is complete; without it, what shows late is waited for."""
    sky = Sky([chatty(1, ends=60, step=5)])
    assert ends_of(sky.watch())["p:1"] < 62
    stopped = chatty(2, ends=60, step=5, closing=False)
    stopped.lines.append(Written(59, "shows ten seconds after the end\n", 11))
    sky = Sky([stopped])
    told = sky.watch()
    assert 75 <= ends_of(told)["p:2"] < 79
    assert log_of(told, "p:2") == stopped.texts


def test_a_log_of_long_ago_is_read_without_waiting() -> None:
    """A build that ended before it was watched is told in one go."""
    sky = Sky([chatty(1, ends=60, step=0.1, closing=False)])
    sky.time.now = 5000.0
    told = sky.watch(most_seconds=inf)
    assert ends_of(told)["p:1"] < 5010
    assert len(log_of(told, "p:1")) == 590


def test_without_logs_nobody_reads_any() -> None:
    """Who does not want the logs costs no call of them."""
    sky = Sky([chatty(1, ends=60, step=5)])
    told = sky.watch(logs=False)
    assert {name for _, name in sky.calls} == {"builds"}
    assert ends_of(told)["p:1"] < 62
