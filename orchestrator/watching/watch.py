"""Watch any number of builds, with their logs, by as few calls as that takes."""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass, field
from itertools import islice
from math import inf
from typing import Any

from orchestrator.errors import OrchestratorError
from orchestrator.patience import Patience
from orchestrator.ports import CodeBuild, LogPages
from orchestrator.watching.calls import Calls
from orchestrator.watching.followed import Followed
from orchestrator.watching.log_alone import AloneSource
from orchestrator.watching.log_group import MOST_BUILDS, GroupSource
from orchestrator.watching.log_stored import StoredSource
from orchestrator.watching.model import Ended, Missed, Seen
from orchestrator.watching.pace import Bucket
from orchestrator.watching.status_source import StatusSource, lost

# BatchGetBuilds takes 1 to 100 ids (CodeBuild API).
_BATCH = 100
_LOG_CALLS_AT_ONCE = 4
# Four fifths of the 10 GetLogEvents that the slowest regions allow an account each second (service quotas).
LOG_CALLS_PER_SECOND = 8.0
# Four fifths of the 5 FilterLogEvents, a quota of its own: https://repost.aws/knowledge-center/cloudwatch-logs-throttling
GROUP_CALLS_PER_SECOND = 4.0
_CLOSING_SECONDS = 2.0

_Source = StatusSource | AloneSource | GroupSource | StoredSource


@dataclass(frozen=True)
class WatchWorld:
    """What watching touches. `wall` is the time of day, in seconds since 1970.

    `log_calls_per_second` is how many calls of GetLogEvents a watcher may make, `group_calls_per_second` how many of
    FilterLogEvents: stay below what the region allows.
    Neither port should wait for what passes by itself: the watcher does, and tells.
    """

    codebuild: CodeBuild
    logs: LogPages
    patience: Patience = field(default_factory=Patience)
    wall: Callable[[], float] = time.time
    log_calls_per_second: float = LOG_CALLS_PER_SECOND
    group_calls_per_second: float = GROUP_CALLS_PER_SECOND


def watch(build_ids: Sequence[str], world: WatchWorld, *, logs: bool = True, deadline_seconds: float = inf) -> Watching:
    """Return what happens to the builds, as it happens, until each of them is `Ended` or `Lost`.

    A poll that fails is `Trouble` and nothing else. At the deadline the builds that still run are `Lost`.
    """
    return Watching(build_ids, world, logs=logs, deadline_seconds=deadline_seconds)


class Watching(Iterator[Seen]):
    """An iterator over what happens to builds. Nothing happens but inside of `next`, except for calls under way.

    An exception that a signal handler raises, such as KeyboardInterrupt, leaves it as it is: `next` goes on where it
    was. `close` ends it, and so does dropping it.
    """

    def __init__(self, build_ids: Sequence[str], world: WatchWorld, *, logs: bool, deadline_seconds: float) -> None:
        self._world, self._patience = world, world.patience
        now = self._patience.monotonic()
        self._deadline = now + deadline_seconds
        self._within_seconds = deadline_seconds
        self._builds = [Followed(name, logs=logs, now=now) for name in dict.fromkeys(build_ids)]
        self._statuses = [
            StatusSource(batch, world.codebuild, self._patience, world.wall) for batch in _batches(self._builds)
        ]
        self._alone: dict[str, AloneSource] = {}
        self._groups: dict[tuple[str, str], list[GroupSource]] = {}
        self._stored: dict[str, StoredSource] = {}
        self._buckets: dict[type[_Source], Bucket] = {
            AloneSource: Bucket(world.log_calls_per_second, self._patience.monotonic),
            GroupSource: Bucket(world.group_calls_per_second, self._patience.monotonic),
        }
        self._seen: deque[Seen] = deque()
        self._calls: dict[Future[Any], _Source] = {}
        self._pool = Calls(_LOG_CALLS_AT_ONCE + 2)

    def __next__(self) -> Seen:
        """Return what happens next; wait for it if need be."""
        while not self._seen:
            if all(build.over for build in self._builds):
                self.close()
                raise StopIteration
            self._step()
        return self._seen.popleft()

    def close(self) -> None:
        """Stop watching: nobody is asked any more, and no thread is left but those whose call nobody answers."""
        for build in self._builds:
            build.over = True
        self._seen.clear()
        calls, self._calls = self._calls, {}
        under_way = [call for call in calls if not call.cancel()]
        self._pool.close(join=not wait(under_way, timeout=_CLOSING_SECONDS).not_done)

    def __enter__(self) -> Watching:
        """Return itself; the end of the block closes it."""
        return self

    def __exit__(self, *_error: object) -> None:
        """Close it."""
        self.close()

    def __del__(self) -> None:
        """Close it when nobody can ask it any more."""
        if "_pool" in self.__dict__:
            self.close()

    def _step(self) -> None:
        """Make the calls that are due, and wait until one is answered or the next is due."""
        now = self._patience.monotonic()
        if now >= self._deadline:
            self._give_up()
            return
        self._arrange()
        pause = min(self._launch(now), self._deadline - now)
        if self._calls:
            done = wait(self._calls, timeout=None if pause == inf else pause, return_when=FIRST_COMPLETED).done
            for call in done:
                self._seen.extend(self._answered(call))
        elif pause > 0:
            self._patience.sleep(pause)
        for build in self._builds:
            self._seen.extend(self._settled(build))

    def _launch(self, now: float) -> float:
        """Make the calls that are due, the longest overdue first; return the seconds until another one is."""
        busy = set(map(id, self._calls.values()))
        logs = sum(type(source) in self._buckets for source in self._calls.values())
        allowed_in = inf
        for source in sorted((source for source in self._sources() if id(source) not in busy), key=lambda s: s.due):
            if source.due > now:
                return min(source.due - now, allowed_in)
            bucket = self._buckets.get(type(source))
            if bucket is not None:
                # Whoever has waited longest for its turn is next; what is asked of CodeBuild waits for nobody.
                if pause := bucket.wait_seconds():
                    allowed_in = min(allowed_in, pause)
                    continue
                if logs >= _LOG_CALLS_AT_ONCE:
                    continue
                bucket.take()
                logs += 1
            self._calls[self._pool.submit(source.ask())] = source
        return allowed_in

    def _sources(self) -> Iterator[_Source]:
        yield from self._statuses
        yield from self._stored.values()
        yield from (source for source in self._alone.values() if source.build.has_log)
        yield from self._all_groups()

    def _all_groups(self) -> Iterator[GroupSource]:
        for groups in self._groups.values():
            yield from groups

    def _answered(self, call: Future[Any]) -> Iterator[Seen]:
        source = self._calls.pop(call)
        try:
            answer = call.result()
        except OrchestratorError as error:
            yield from source.failed(error)
        else:
            yield from source.answered(answer)
        self._hurry()

    def _hurry(self) -> None:
        """Look at the builds that are said to end, and at the logs of those that have ended."""
        now = self._patience.monotonic()
        if [build for build in self._builds if build.comes_near_end(now)]:
            for source in self._statuses:
                source.hurry()
        for build in self._builds:
            if build.has_just_ended() and build.id in self._alone:
                self._read_to_end(self._alone[build.id])

    def _read_to_end(self, source: AloneSource) -> None:
        """Have the log of a build that has ended read next: by itself, if those read together wait for their turn."""
        waiting = sum(other.awake and other.build.ended and not other.build.over for other in self._alone.values())
        alone = self._buckets[GroupSource].wait_seconds() > 0 and waiting < self._world.log_calls_per_second
        for group in self._all_groups():
            if source in group.members:
                group.hurry(source, alone=alone)
        source.hurry()

    def _arrange(self) -> None:
        """Give every log that has appeared somebody who reads it."""
        for build in self._builds:
            record = build.record
            if build.has_log and build.id not in self._alone and record is not None:
                source = self._alone[build.id] = AloneSource(build, self._world.logs, self._patience)
                if build.ended:
                    source.wake()
                    continue
                groups = self._groups.setdefault((record.region, record.log_group or ""), [])
                if not groups or len(groups[-1].members) >= MOST_BUILDS:
                    name = record.log_group or ""
                    groups.append(GroupSource(name, self._world.logs, self._patience, self._world.wall))
                groups[-1].join(source)
        for group in self._all_groups():
            group.arrange()

    def _settled(self, build: Followed) -> Iterator[Seen]:
        """Tell the end of a build when there is nothing more to tell of its log."""
        if build.over or not build.ended or build.record is None:
            return
        if build.has_log and not build.told_to_end:
            if not build.all_told():
                return
            build.told_to_end = True
        elif build.logs and not build.wrote and not build.fetched:
            why = build.gap or _why_nothing(build)
            if build.record.stored_log:
                if build.id not in self._stored:
                    self._stored[build.id] = StoredSource(build, self._world.logs, self._patience, why)
                return
            if not build.gap:
                yield Missed(build.id, why)
        build.over = True
        yield Ended(build.record)

    def _give_up(self) -> None:
        for build in self._builds:
            if not build.over:
                self._seen.append(lost(build, f"it did not end within {self._within_seconds:.0f} seconds"))


def _why_nothing(build: Followed) -> str:
    record = build.record
    if record is not None and record.logs_disabled:
        return "its project writes no log to CloudWatch Logs"
    if record is None or not (record.log_group and record.log_stream):
        return "it ended before it had a log"
    return "nothing of its log is there: it was deleted, or kept for a limited time only"


def _batches(builds: Sequence[Followed]) -> Iterator[list[Followed]]:
    rest = iter(builds)
    while batch := list(islice(rest, _BATCH)):
        yield batch
