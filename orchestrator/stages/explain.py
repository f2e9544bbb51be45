"""explain: why a build was run, and no earlier package taken; which of its inputs differ from the last comparable one.

The rules are those of `earlier`, which decides it when a build is asked for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from orchestrator.packaging.documents.input_digest import differences
from orchestrator.plan.digest import marker
from orchestrator.plan.model import BuildPlan
from orchestrator.records import BuildRecord, ProjectRecord
from orchestrator.stages.earlier import Wish, is_locked, wish_behind
from orchestrator.stages.manifest import Manifest
from orchestrator.vocabulary import BuildStatus

_SHORT = 12


@dataclass(frozen=True)
class Difference:
    """An input that was not the same: its name, and what it was before and after."""

    name: str
    before: str
    after: str


@dataclass(frozen=True)
class Explanation:
    """Why a build was run. `compared` is the last comparable build before it, None if there is none.

    `differences` are all inputs that are known to differ; `manifests` says whether what shaped both packages could be
    compared, which takes that both are stored.
    """

    build: BuildRecord
    reasons: Sequence[str]
    compared: BuildRecord | None = None
    differences: Sequence[Difference] = ()
    manifests: bool = False


@dataclass(frozen=True)
class History:
    """What a build is explained from: the builds of its project, the newest first, and the project as it is now.

    `manifest` gives the manifest of a build whose package is stored, None for any other.
    """

    listed: Sequence[BuildRecord]
    project: ProjectRecord | None
    manifest: Callable[[BuildRecord], Manifest | None]


def explain(record: BuildRecord, item: BuildPlan, history: History) -> Explanation:
    """Say why a build was run; nothing here is asked of anybody but `history`."""
    before = _before(record, history.listed)
    if not before:
        return Explanation(record, [f"it is the first build of `{item.package}` that CodeBuild remembers here"])
    wish = wish_behind(record)
    same = wish.alike(before)
    if same:
        return _with_manifests(record, _of_the_same(record, item, same, wish, history), same[0], [], history)
    other = _comparable(before, wish)
    found = list(_differences(record, other, history.project))
    return _with_manifests(record, [_why_new(found, other)], other, found, history)


def _before(record: BuildRecord, listed: Sequence[BuildRecord]) -> list[BuildRecord]:
    """Return the builds that were started before this one, the newest first."""
    ids = [one.id for one in listed]
    if record.id in ids:
        return list(listed[ids.index(record.id) + 1 :])
    return [one for one in listed if one.started and record.started and one.started < record.started]


def _comparable(before: Sequence[BuildRecord], wish: Wish) -> BuildRecord:
    """Return the build that differs least by what it was asked for: of the commit, else the newest for the ref."""
    of_commit = [one for one in before if one.variables.get("ORCHESTRATOR_COMMIT_SHA") == wish.commit]
    of_ref = [one for one in before if wish.comes_to_ref(one)]
    succeeded = [one for one in of_ref if one.status == BuildStatus.SUCCEEDED]
    return [*of_commit, *succeeded, *of_ref, *before][0]


def _of_the_same(
    record: BuildRecord, item: BuildPlan, same: Sequence[BuildRecord], wish: Wish, history: History
) -> list[str]:
    """Return the reasons when the same commit, archive and settings were built before."""
    ran = [one for one in same if _ran_at(one, record.started)]
    if ran and wish.comes_to_ref(ran[0]):
        return [f"{ran[0].id} was still building the same: a new build was asked for (`--fresh`, or a rerun)"]
    good = [one for one in same if one.status == BuildStatus.SUCCEEDED and _told_digest(one)]
    if ran and not good:
        return [f"{ran[0].id} was building the same, but for {_ref(ran[0])}: a running build serves one ref only"]
    if not good:
        return [f"{same[0].id} built the same and ended {same[0].status}: there was no package to take"]
    if not item.reuse_hours:
        return ["`reuse_hours: 0`: no package is ever taken again"]
    if history.manifest(good[0]) is None:
        return [f"{good[0].id} built the same, but its package is not stored any more"]
    ended = good[0].ended
    if is_locked(item) or _within(ended, record.started, item.reuse_hours):
        return [f"{good[0].id} had left the same package: a new build was asked for (`--fresh`, or a rerun)"]
    return [
        f"{good[0].id} built the same, but more than `reuse_hours: {item.reuse_hours}` before, and its dependencies "
        "are not locked: newer versions could be there"
    ]


def _why_new(found: Sequence[Difference], other: BuildRecord) -> str:
    names = [difference.name for difference in found]
    if "commit" in names:
        return "no build of this commit came before it"
    if "settings" in names:
        return f"{other.id} built the same commit with other settings"
    return f"{other.id} built the same commit from another archive of it"


def _differences(record: BuildRecord, other: BuildRecord, project: ProjectRecord | None) -> Iterator[Difference]:
    """Give what the two builds were asked for differently."""
    for name, variable in (
        ("commit", "ORCHESTRATOR_COMMIT_SHA"),
        ("ref", "ORCHESTRATOR_REF"),
        ("snapshot", "ORCHESTRATOR_SNAPSHOT_SHA256"),
    ):
        before, after = other.variables.get(variable, ""), record.variables.get(variable, "")
        # Another commit has another archive: that says nothing new.
        if before != after and not (name == "snapshot" and _commit(other) != _commit(record)):
            yield Difference(name, before, after)
    before, after = _settings(other, project), _settings(record, project)
    differ = (
        _marker(other) != _marker(record)
        if _commit(other) == _commit(record)
        else bool(before and after and before != after)
    )
    if differ:
        yield Difference("settings", before or "others", after or "others")
    if other.image != record.image:
        yield Difference("image", other.image, record.image)


def _settings(record: BuildRecord, project: ProjectRecord | None) -> str:
    """Return which settings a build had, as far as its marker tells: those that are applied now, or earlier ones."""
    if project is None or not project.settings_digest or not _marker(record):
        return ""
    now = marker(record.project, _commit(record), project.settings_digest)
    return f"those applied now ({project.settings_digest[:_SHORT]})" if _marker(record) == now else "earlier ones"


def _with_manifests(
    record: BuildRecord,
    reasons: Sequence[str],
    other: BuildRecord,
    found: Sequence[Difference],
    history: History,
) -> Explanation:
    """Return the explanation with what shaped the two packages, where both are stored."""
    mine = history.manifest(record)
    theirs = history.manifest(other) if mine else None
    if mine is None or theirs is None:
        return Explanation(record, reasons, other, found)
    before, after = _inputs(theirs), _inputs(mine)
    named = {difference.name for difference in found}
    changed = [line.partition(": ")[0] for line in differences(before, after)]
    more = [Difference(name, before.get(name, ""), after.get(name, "")) for name in changed if name not in named]
    return Explanation(record, reasons, other, [*found, *more], manifests=True)


def _inputs(manifest: Manifest) -> Mapping[str, str]:
    """Return what shaped a package; a manifest of the first version knows nothing of it."""
    told = (manifest.model_extra or {}).get("inputs")
    return {str(name): str(value) for name, value in told.items()} if isinstance(told, dict) else {}


def _ran_at(record: BuildRecord, moment: datetime | None) -> bool:
    if moment is None or record.started is None or record.started > moment:
        return False
    return record.ended is None or record.ended > moment


def _within(ended: datetime | None, moment: datetime | None, hours: int) -> bool:
    return ended is not None and moment is not None and ended >= moment - timedelta(hours=hours)


def _told_digest(record: BuildRecord) -> bool:
    return bool(record.exported.get("ORCHESTRATOR_MANIFEST_SHA256"))


def _commit(record: BuildRecord) -> str:
    return record.variables.get("ORCHESTRATOR_COMMIT_SHA", "")


def _marker(record: BuildRecord) -> str:
    return record.variables.get("ORCHESTRATOR_MARKER", "")


def _ref(record: BuildRecord) -> str:
    return record.variables.get("ORCHESTRATOR_REF", "") or "no ref"
