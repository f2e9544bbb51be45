"""`--wait` and `attach`: show builds until they have ended, bring their packages, and say what became of them."""

from __future__ import annotations

import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from orchestrator.cli import looks, wire
from orchestrator.cli.asking import AskingWatch, Detached
from orchestrator.cli.build_screen import LineScreen, SectionScreen
from orchestrator.cli.outcome_json import outcome_json
from orchestrator.cli.outcomes import fetched, name_packages, note, raise_failure, status_of, table
from orchestrator.cli.project import Project
from orchestrator.cli.screen import narrate, print_data, print_document
from orchestrator.cli.stop import stop_builds
from orchestrator.effects.status import NoStatus
from orchestrator.plan.model import Plan
from orchestrator.render.sections import Paint
from orchestrator.stages.build import StartedBuild
from orchestrator.stages.delivery import place_of
from orchestrator.stages.wait import Awaited, Outcome, WaitWorld, wait
from orchestrator.watching.model import Seen
from orchestrator.watching.watch import watch

_GRACE_MINUTES = 5


@dataclass(frozen=True)
class Waiting:
    """How somebody waits: for how long at most (None: as long as builds may take), and for which ref.

    `begun` is what `builds.json` holds, and what is added to; none of it for builds that were not started here.
    `made` are packages that were made on this machine, and where each is to go. With `untold` no commit status is set.
    `quit_with_reader` ends the command when nobody reads its output any more; else only the output ends. `as_json`
    prints what became of the builds as one document, and everything else on standard error.
    """

    timeout_minutes: float | None = None
    ref: str = ""
    begun: Sequence[StartedBuild] = ()
    made: Mapping[str, Path] = field(default_factory=dict)
    untold: bool = False
    quit_with_reader: bool = False
    as_json: bool = False


def wait_for(project: Project, awaited: Sequence[Awaited], how: Waiting) -> list[Outcome]:
    """Stay with builds until they have ended; print what they write, and a table at the end.

    Leaves `.orchestrator/builds.json` and `.orchestrator/junit.xml`. Raises the failure of a single build as it is,
    `SeveralFailed` for several, `Detached` when somebody at the terminal leaves the builds alone.
    """
    write = narrate if how.as_json else _writer(how)
    screen = _screen(awaited, write)
    with ExitStack() as stack:
        stack.callback(screen.close)
        follow: Callable[[Sequence[str]], Iterator[Seen]] = partial(
            watch, world=wire.watch_world(project), deadline_seconds=_deadline_seconds(project, how)
        )
        if can_ask():
            follow = stack.enter_context(AskingWatch(follow, partial(stop_builds, project)))
        world = _world(project, how, follow, screen.tell)
        outcomes = wait(project.plan, awaited, world)
    desk = world.postbuild.desk
    outcomes += [fetched(project, desk, name, place) for name, place in how.made.items()]
    note(project, how.begun, outcomes)
    name_packages(outcomes)
    if how.as_json:
        print_document({"builds": [outcome_json(one, status_of(one)) for one in outcomes]})
    else:
        write(table(project, outcomes, paint()))
    raise_failure(outcomes)
    return outcomes


def stay_with(
    project: Project,
    plan: Plan,
    begun: Sequence[StartedBuild],
    *,
    ref: str,
    timeout_minutes: float | None,
    output: Path | None,
    as_json: bool = False,
    untold: bool = False,
) -> int:
    """Wait for what was just begun for the packages of the plan, and bring all of it; return 4 if somebody leaves.

    `ref` is what was asked for, which need not be the ref of the job around. With `untold` GitLab hears nothing of it.
    Raises what `wait_for` raises.
    """
    where = places([item.package for item in plan.builds], output or project.folder)
    awaited = [Awaited(one.package, one.build_id, one.commit, where[one.package]) for one in begun]
    travelling = {one.package for one in begun}
    how = Waiting(
        timeout_minutes=timeout_minutes,
        ref=ref,
        untold=untold,
        begun=tuple(begun),
        made={name: place for name, place in where.items() if name not in travelling},
        as_json=as_json,
    )
    for one in begun:
        if one.console_url:
            narrate(f"{one.package}: {one.console_url}")
    return left_alone(lambda: wait_for(project, awaited, how))


def left_alone(waiting: Callable[[], object]) -> int:
    """Return 0 once the waiting is over, 4 if somebody has left the builds before."""
    try:
        waiting()
    except Detached as left:
        narrate(f"detached: {left.hint}")
        return left.exit_code
    return 0


def places(names: Sequence[str], output: Path) -> dict[str, Path]:
    """Return where packages go: a single one into the folder itself, several into a folder each."""
    return {name: place_of(output, name, several=len(names) > 1) for name in names}


def can_ask() -> bool:
    """Tell whether somebody sits at this terminal, reads and answers."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr is not None and sys.stderr.isatty()


def labels(awaited: Sequence[Awaited]) -> dict[str, str]:
    """Return what each build is called on the screen: its package, with the beginning of its UUID where two have it."""
    several = Counter(one.package for one in awaited)
    return {
        one.build_id: one.package if several[one.package] < 2 else f"{one.package} {one.build_id.partition(':')[2][:8]}"
        for one in awaited
    }


def paint() -> Paint:
    """Return the colours that are wanted: those of a terminal, and those that GitLab's log view knows."""
    return Paint(not os.environ.get("NO_COLOR")) if in_job() else looks.paint()


def in_job() -> bool:
    """Tell whether this is a GitLab job, whose log view has sections."""
    return os.environ.get("GITLAB_CI") == "true"


def _screen(awaited: Sequence[Awaited], write: Callable[[str], None]) -> LineScreen | SectionScreen:
    kind = SectionScreen if in_job() else LineScreen
    return kind(labels(awaited), write, paint())


def _writer(how: Waiting) -> Callable[[str], None]:
    """Return what prints; when its reader has gone, that ends the command or the printing."""
    gone: list[BrokenPipeError] = []

    def write(text: str) -> None:
        if gone:
            return
        try:
            print_data(text)
        except BrokenPipeError as error:
            if how.quit_with_reader:
                raise
            gone.append(error)

    return write


def _deadline_seconds(project: Project, how: Waiting) -> float:
    return 60.0 * (how.timeout_minutes or project.plan.longest_minutes + _GRACE_MINUTES)


def _world(
    project: Project,
    how: Waiting,
    follow: Callable[[Sequence[str]], Iterator[Seen]],
    tell: Callable[[Seen], None],
) -> WaitWorld:
    home = wire.postbuild_world(project, os.environ)
    # Without a pipeline: what is brought here is taken from nobody, so the pipeline that the build starts, or the job
    # `postbuild` of this one, finds it as it was.
    return WaitWorld(
        watch=follow,
        tell=tell,
        postbuild=replace(home, status=NoStatus() if how.untold else home.status, pipeline_id=""),
        ref=how.ref,
        note=partial(note, project, how.begun),
    )
