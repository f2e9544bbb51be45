"""Sources from another repository: exactly the commit that the lock names."""

from __future__ import annotations

import re
from pathlib import Path

from orchestrator.errors import BuildFailed, MachineryError, Refused
from orchestrator.packaging.lock.model import LockedSource
from orchestrator.packaging.process import Result, clean_environment, run

# No hooks, no programs named by the repository, no protocol that runs a program on this side.
_GIT = (
    *("git", "-c", "core.hooksPath=/dev/null", "-c", "protocol.ext.allow=never", "-c", "protocol.file.allow=never"),
    *("-c", "advice.detachedHead=false"),
)
_CREDENTIALS_IN_URL = re.compile(r"(?<=://)[^/@\s`']+@")
_ATTEMPTS = 3
_TIMEOUT_SECONDS = 1800


def fetch_commit(source: LockedSource, place: Path) -> Path:
    """Fetch the commit of `source` into the new directory `place`; return the project's directory in it.

    Raises BuildFailed (no git repository, no such commit or directory), MachineryError (it cannot be reached), and
    Refused when another commit arrives.
    """
    shown = _CREDENTIALS_IN_URL.sub("", source.url or "")
    if source.vcs != "git" or not source.url:
        raise BuildFailed(
            f"`{shown}` is not a git repository",
            detail=f"observed: {source.vcs or 'no version control'}, expected: git",
            hint="require a release of it",
        )
    place.mkdir(parents=True)
    environment = clean_environment({"GIT_TERMINAL_PROMPT": "0", "GIT_CONFIG_NOSYSTEM": "1", "LC_ALL": "C"})

    def git(*arguments: str) -> Result:
        return run([*_GIT, *arguments], environment=environment, directory=place, timeout_seconds=_TIMEOUT_SECONDS)

    _must(git("init", "--quiet", "--template="), shown)
    for attempt in range(_ATTEMPTS):
        fetched = git("fetch", "--quiet", "--depth", "1", "--no-tags", "--", source.url, source.commit)
        if not fetched.code or attempt == _ATTEMPTS - 1:
            _must(fetched, shown)
            break
    _must(git("checkout", "--quiet", "--detach", "FETCH_HEAD"), shown)
    head = git("rev-parse", "HEAD").output.strip()
    if head != source.commit:
        raise Refused(f"git brought another commit of `{shown}`", detail=f"observed: {head}, expected: {source.commit}")
    return _project(source, place, shown)


def _project(source: LockedSource, place: Path, shown: str) -> Path:
    project = (place / source.subdirectory).resolve()
    if not project.is_dir() or place.resolve() not in (project, *project.parents):
        raise BuildFailed(
            f"`{shown}` has no directory `{source.subdirectory}`", hint="correct `subdirectory=` of the requirement"
        )
    return project


def _must(result: Result, shown: str) -> None:
    if not result.code:
        return
    text = _CREDENTIALS_IN_URL.sub("", result.errors.strip())[-2000:]
    if "not our ref" in text or "couldn't find remote ref" in text:
        raise BuildFailed(f"`{shown}` no longer has the commit", detail=text, hint="require another commit")
    raise MachineryError(
        f"cannot fetch from `{shown}`", detail=text, hint="check that it can be reached without a password"
    )
