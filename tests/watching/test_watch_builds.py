"""What a watcher says of the builds themselves, of logs that are not there, and of neighbours who do not answer."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import islice, pairwise
from typing import Any

import pytest
from logged import LAST, Running, Sky, Written, changes_of, ends_of, log_of

from orchestrator.errors import (
    ConfigurationError,
    CredentialsExpired,
    Denied,
    MachineryError,
    OrchestratorError,
)
from orchestrator.records import BuildRecord
from orchestrator.watching.model import Changed, Ended, Lost, Missed, Seen, Trouble
from orchestrator.watching.watch import watch

BUILD = Running("p:1", ends=30, lines=[Written(2, "hello\n"), *(Written(29, text) for text in LAST)])


def said(told: list[tuple[float, Seen]], kind: type) -> list[Any]:
    """Return what was told of one kind."""
    return [seen for _, seen in told if isinstance(seen, kind)]


def failing(name: str, error: OrchestratorError, *, between: tuple[float, float] = (0.0, 1e9)) -> Callable[[Sky], None]:
    """Return what makes a call fail for some time."""

    def arrange(sky: Sky) -> None:
        def trip(called: str) -> None:
            if called == name and between[0] <= sky.time.now < between[1]:
                raise error

        sky.trips = trip

    return arrange


def test_phases_and_the_end_are_told_once() -> None:
    """First sight, each change and the end: one value each, the end after the last line."""
    told = Sky([BUILD]).watch()
    assert changes_of(told, "p:1") == ["IN_PROGRESS BUILD", "SUCCEEDED COMPLETED"]
    assert isinstance(told[-1][1], Ended)
    assert log_of(told, "p:1") == BUILD.texts


@pytest.mark.parametrize(("count", "calls"), [(100, 1), (101, 2), (250, 3)])
def test_one_call_asks_about_a_hundred_builds(count: int, calls: int) -> None:
    """Any number of builds costs a call per hundred, and those that have ended are not asked about again."""
    sky = Sky([replace(BUILD, id=f"p:{number}", ends=5.0 if number else 20.0) for number in range(count)])
    told = sky.watch(logs=False)
    first = [len(asked) for (at, name), asked in zip(sky.calls, sky.asked, strict=True) if at == 0 and name == "builds"]
    assert sorted(first) == sorted([100] * (count // 100) + [count % 100] * bool(count % 100))
    assert len(first) == calls
    assert list(sky.asked[-1]) == ["p:0"]
    assert len(said(told, Ended)) == count


def test_an_id_given_twice_is_one_build() -> None:
    """The same build is watched once, however often it is named."""
    sky = Sky([BUILD])
    with watch(["p:1", "p:1"], sky.world()) as watching:
        assert len(said([(0.0, seen) for seen in watching], Ended)) == 1


def test_nothing_to_watch_is_over_at_once() -> None:
    """No builds, no calls."""
    sky = Sky([])
    assert sky.watch() == []
    assert sky.calls == []


def test_an_id_may_be_unknown_for_a_minute() -> None:
    """CodeBuild may not know a new build yet; an id that stays unknown is lost after a minute."""
    assert said(Sky([replace(BUILD, known_from=50.0)]).watch(), Ended)
    told = Sky([replace(BUILD, known_from=1e9), replace(BUILD, id="p:2")]).watch()
    (lost,) = said(told, Lost)
    assert (lost.build_id, "does not know it" in lost.why) == ("p:1", True)
    assert list(ends_of(told)) == ["p:2"]


@pytest.mark.parametrize(
    ("name", "error", "until", "trouble", "ended"),
    [
        ("builds", MachineryError("AWS is down"), 100.0, 1, True),
        ("page", MachineryError("AWS is down"), 40.0, 1, True),
        ("builds", MachineryError("AWS is down"), 1e9, 1, False),
        ("builds", CredentialsExpired("too old"), 1e9, 0, False),
        ("builds", ConfigurationError("may not"), 1e9, 0, False),
    ],
    ids=["poll", "log", "down for good", "credentials", "refused"],
)
def test_who_does_not_answer_is_trouble(
    name: str, error: OrchestratorError, until: float, trouble: int, ended: bool
) -> None:
    """A call that fails says nothing about a build, once; after ten minutes, or if it will not pass, it is lost."""
    sky = Sky([BUILD])
    failing(name, error, between=(3.0, until))(sky)
    told = sky.watch()
    assert len(said(told, Trouble)) == trouble
    assert bool(said(told, Ended)) == ended
    assert bool(said(told, Lost)) != ended
    if ended:
        assert log_of(told, "p:1") == BUILD.texts
    elif trouble:
        assert 580 < sky.time.now < 640


def test_a_throttle_makes_it_slower_for_a_while() -> None:
    """After failures the polls come at longer distances, and at the old ones again after successes."""
    sky = Sky([replace(BUILD, ends=400.0, lines=[])])
    failing("builds", MachineryError("throttled"), between=(100.0, 120.0))(sky)
    sky.watch(logs=False)
    calls = sky.called("builds")

    def distance(begin: float, end: float) -> float:
        inside = [at for at in calls if begin <= at <= end]
        return max(later - earlier for earlier, later in pairwise(inside))

    assert distance(50, 100) < 2
    assert distance(100, 135) > 5
    assert distance(200, 400) < 2


MISSED: list[tuple[str, dict[str, Any], Callable[[Sky], None] | None, str, float]] = [
    ("disabled", {"group": None, "members": {"logs_disabled": True}}, None, "writes no log", 33),
    ("never", {"group": None}, None, "before it had a log", 33),
    ("no stream", {"has_stream": lambda _now: False}, None, "nothing of its log is there", 52),
    ("expired", {"lines": []}, None, "nothing of its log is there", 52),
    ("refused", {}, failing("page", Denied("may not read")), "may not read", 33),
    ("deleted", {"has_stream": lambda now: now < 10}, None, "the rest of the log is gone", 33),
]


@pytest.mark.parametrize(
    ("change", "arrange", "why", "until"), [case[1:] for case in MISSED], ids=[case[0] for case in MISSED]
)
@pytest.mark.parametrize("kept", [False, True], ids=["nowhere", "in S3"])
def test_a_log_that_is_not_there_is_named(
    change: dict[str, Any], arrange: Callable[[Sky], None] | None, why: str, until: float, *, kept: bool
) -> None:
    """Nothing is silently left out: a missing log is named, once, or read from S3 when it is kept there."""
    members = {**change.get("members", {}), **({"stored_log": "logs/build/1.gz"} if kept else {})}
    sky = Sky([replace(BUILD, **{**change, "members": members})])
    if arrange is not None:
        arrange(sky)
    sky.kept["p:1"] = [b"from\nS", b"3 \xff\nend"]
    told = sky.watch()
    assert ends_of(told)["p:1"] < until
    missed = [seen.why for seen in said(told, Missed)]
    if "rest" in why:
        assert log_of(told, "p:1") == ["hello\n"]
        assert len(missed) == 1
        assert ("s3://logs/build/1.gz" in missed[0]) == kept
    elif kept:
        assert log_of(told, "p:1") == ["from\n", "S3 �\n", "end"]
    else:
        assert log_of(told, "p:1") == []
    assert all(why in text for text in missed)
    assert missed or kept


def test_a_stored_log_that_is_gone_is_named() -> None:
    """When S3 does not have it either, both reasons are told."""
    sky = Sky([replace(BUILD, group=None, members={"stored_log": "logs/build/1.gz"})])
    (missed,) = said(sky.watch(), Missed)
    assert missed.why == "it ended before it had a log; in S3: there is no stored log"


@pytest.mark.parametrize("breaks", [1, 3, None], ids=["once", "three times", "for ever"])
def test_a_stored_log_is_read_again_when_s3_has_trouble(breaks: int | None) -> None:
    """A throttle, or an answer that breaks off, costs no line and tells none twice; what lasts a minute is named."""
    pieces, left = [b"one\ntw", b"o\nthree\n", b"end"], [breaks]

    class Broken(Sky):
        def stored(self, build: BuildRecord) -> Iterator[bytes]:
            if left[0] == 0:
                yield from pieces
                return
            left[0] = None if left[0] is None else left[0] - 1
            yield from pieces[:2]
            raise MachineryError("cannot read the log", detail="SlowDown")

    sky = Broken([replace(BUILD, group=None, members={"stored_log": "logs/build/1.gz"})])
    told = sky.watch()
    assert log_of(told, "p:1") == ["one\n", "two\n", "three\n", *([] if breaks is None else ["end"])]
    assert [seen.why for seen in said(told, Missed)] == (
        [] if breaks else ["it ended before it had a log; in S3: cannot read the log: SlowDown"]
    )


def test_a_log_group_that_is_deleted_takes_no_other_log_along() -> None:
    """Of logs that are read together, one that vanishes is named and the others go on."""
    others = [replace(BUILD, id=f"p:{number}") for number in range(2, 5)]
    sky = Sky([replace(BUILD, has_stream=lambda now: now < 10), *others])
    told = sky.watch()
    assert [seen.build_id for seen in said(told, Missed)] == ["p:1"]
    for other in others:
        assert log_of(told, other.id) == other.texts


def test_a_log_that_cannot_be_read_after_the_end_is_given_up() -> None:
    """A build that has ended is told as such even when its log never answers."""
    sky = Sky([BUILD])
    failing("page", MachineryError("AWS is down"), between=(5.0, 1e9))(sky)
    told = sky.watch()
    (missed,) = said(told, Missed)
    assert "AWS is down (for 60 seconds)" in missed.why
    assert 60 < ends_of(told)["p:1"] < 130


def test_the_deadline_ends_it() -> None:
    """A build that does not end in time is lost, not stopped, and the others keep what they were."""
    told = Sky([replace(BUILD, ends=500.0), replace(BUILD, id="p:2")]).watch(deadline_seconds=100.0)
    assert [(seen.build_id, seen.why) for seen in said(told, Lost)] == [("p:1", "it did not end within 100 seconds")]
    assert list(ends_of(told)) == ["p:2"]


def threads() -> list[str]:
    """Return the threads of watchers."""
    return [thread.name for thread in threading.enumerate() if thread.name.startswith("watch")]


def test_a_consumer_that_stops_leaves_nothing_behind() -> None:
    """Closing, leaving the block and dropping the iterator end all threads; nothing follows."""
    sky = Sky([BUILD])
    watching = watch(["p:1"], sky.world())
    next(watching)
    watching.close()
    assert list(watching) == []
    with watch(["p:1"], sky.world()) as again:
        next(again)
    for _ in islice(watch(["p:1"], sky.world()), 2):
        pass
    assert threads() == []


def test_an_interruption_leaves_it_usable() -> None:
    """Ctrl-C while nothing happens is raised where it is looked for, and watching goes on after it."""
    sky = Sky([BUILD])
    interrupted: list[float] = []

    def sleep(seconds: float) -> None:
        sky.time.sleep(seconds)
        if sky.time.now > 10 and not interrupted:
            interrupted.append(sky.time.now)
            raise KeyboardInterrupt

    told: list[tuple[float, Seen]] = []
    with watch(["p:1"], sky.world(patience=replace(sky.patience, sleep=sleep))) as watching:
        with pytest.raises(KeyboardInterrupt):
            told += ((sky.time.now, seen) for seen in watching)
        told = [(sky.time.now, seen) for seen in watching]
    assert isinstance(told[-1][1], Ended)
    assert any(isinstance(seen, Changed) for _, seen in told)
