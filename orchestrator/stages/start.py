"""Starting one build in CodeBuild, so that whoever asks for the same gets the same build."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass

from orchestrator.errors import AskedDifferently, MachineryError, QueueFull, RoleUnknown
from orchestrator.patience import Bout, Pace, Patience
from orchestrator.plan.environments import quota_name
from orchestrator.plan.model import BuildPlan
from orchestrator.ports import CodeBuild, Narrator
from orchestrator.records import BuildRecord
from orchestrator.stages.earlier import SEARCHED_BUILDS, Wish, check_repeatable
from orchestrator.vocabulary import BuildStatus

# A new role is known everywhere within seconds, now and then within minutes.
ROLE_PACE = Pace(first_seconds=5.0, longest_seconds=60.0, deadline_seconds=300.0)
_FULL_FIRST_SECONDS, _FULL_LONGEST_SECONDS = 30.0, 300.0
# A build that was accepted a moment ago need not be in the list yet.
_LISTED_PACE = Pace(first_seconds=1.0, longest_seconds=10.0, deadline_seconds=60.0)
_MOST_ATTEMPTS = 10


@dataclass(frozen=True)
class Order:
    """What CodeBuild is asked for.

    `known` are the builds of the same, the newest first. `fresh` is empty, or something new, which nobody has asked
    with before.
    """

    wish: Wish
    item: BuildPlan
    known: Sequence[BuildRecord] = ()
    fresh: str = ""


@dataclass(frozen=True)
class Counter:
    """Where orders are placed. Signals wait while `uninterrupted` is open, and only then."""

    codebuild: CodeBuild
    narrate: Narrator
    patience: Patience
    uninterrupted: Callable[[], AbstractContextManager[None]] = nullcontext


def start(order: Order, counter: Counter, keep: Callable[[BuildRecord], object]) -> BuildRecord:
    """Return the build of an order: a new one, which `keep` notes before a signal is heard, or somebody else's.

    The token is made of what is built and of the number of the attempt, which is how many of the builds that are known
    have ended. So an attempt that is made again, by a retried job or by another pipeline at the same
    moment, gets the same build within five minutes (CodeBuild API: StartBuild); after that it is in the list. The
    pipeline is no part of the token: CodeBuild calls it a mismatch, and then the build is looked for.

    A full queue is waited for until the queue's own deadline, a role that is not known yet for five minutes. Raises
    what `check_repeatable` raises, and `MachineryError`.
    """
    known = [one for one in order.known if order.wish.comes_to_ref(one)]
    attempt = sum(one.complete for one in known)
    for _ in range(_MOST_ATTEMPTS):
        seen = {one.id for one in known}
        try:
            record = _accepted(order, attempt, counter, keep, seen)
        except AskedDifferently as error:
            record = _somebody_elses(order, counter, seen, error)
        if is_of_use(record):
            return record
        known.insert(0, record)
        check_repeatable(known, order.wish)
        counter.narrate(f"{record.id} ended {record.status}: starting another")
        attempt += 1
    raise MachineryError(
        f"no build of `{order.item.codebuild_project}` could be started",
        detail=f"observed: {_MOST_ATTEMPTS} builds that had ended already, the last {known[0].id}",
        hint="look at the build project in the AWS console",
    )


def _accepted(
    order: Order, attempt: int, counter: Counter, keep: Callable[[BuildRecord], object], seen: Collection[str]
) -> BuildRecord:
    """Ask until CodeBuild has room for the build and knows its role, or somebody else has had it built meanwhile."""
    queue_seconds = 60.0 * order.item.queue_timeout_minutes
    room = Bout(Pace(_FULL_FIRST_SECONDS, _FULL_LONGEST_SECONDS, queue_seconds), counter.patience)
    role = Bout(ROLE_PACE, counter.patience)
    token = order.wish.token(attempt, order.fresh)
    while True:
        # Storing a snapshot or waiting for room may take longer than CodeBuild remembers a token.
        others = [] if order.fresh else _unseen(order, counter, seen)
        if others and is_of_use(others[0]):
            return others[0]
        try:
            with counter.uninterrupted():
                record = counter.codebuild.start(order.item.codebuild_project, order.wish.variables, token)
                if is_of_use(record):
                    keep(record)
            return record  # noqa: TRY300 - the next attempt is the rest of the loop
        except QueueFull as error:
            if not room.pause(what="CodeBuild takes no more builds"):
                raise _still_full(error, order.item) from error
        except RoleUnknown:
            if not role.pause(what="CodeBuild does not know the role of the project yet"):
                raise


def _unseen(order: Order, counter: Counter, seen: Collection[str]) -> list[BuildRecord]:
    """Return the builds of the same that others have started since, the newest first."""
    listed = counter.codebuild.newest(order.item.codebuild_project, limit=SEARCHED_BUILDS)
    return [one for one in order.wish.alike(listed) if order.wish.comes_to_ref(one) and one.id not in seen]


def _somebody_elses(order: Order, counter: Counter, seen: Collection[str], error: AskedDifferently) -> BuildRecord:
    """Return the build that another pipeline has started with this token a moment ago."""
    bout = Bout(_LISTED_PACE, counter.patience)
    while True:
        others = _unseen(order, counter, seen)
        if others:
            return others[0]
        if not bout.pause():
            raise MachineryError(
                error.what,
                detail=f"{error.detail}\nexpected: the build that has this token in the list of builds",
                hint="retry the job",
            ) from error


def _still_full(error: QueueFull, item: BuildPlan) -> MachineryError:
    return MachineryError(
        error.what,
        detail=f"{error.detail}\nexpected: room within {item.queue_timeout_minutes} minutes "
        "(`build.queue_timeout_minutes`)",
        hint=f"ask AWS for more of the quota `{quota_name(item.environment_type, item.compute_type)}`, or raise "
        "`build.concurrent_builds` if that is set; retrying is safe",
    )


def is_of_use(record: BuildRecord) -> bool:
    """Tell whether a build runs or has succeeded, so that another one would be paid for in vain."""
    return not record.complete or record.status == BuildStatus.SUCCEEDED
