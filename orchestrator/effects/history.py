"""The refs of the GitLab project as they are now, asked of the remote that the job was checked out from."""

from __future__ import annotations

import re

from orchestrator.effects.git import GitCheckout
from orchestrator.errors import ConfigurationError, MachineryError
from orchestrator.records import Reach

_REMOTE = "origin"
_LINE = re.compile(r"(?P<sha>[0-9a-f]{40})\t(?P<ref>[^\n]+)")
_LOGIN = re.compile(r"//[^/@\s]*@")


class RemoteHistory:
    """Branches or tags (`space` is `refs/heads/` or `refs/tags/`) of the checkout's remote `origin`.

    A branch and a tag may have one name, so only full names are asked for. `job_token` (or an empty text) is for a
    remote whose address holds no login, as GitLab's runner makes it with FF_GIT_URLS_WITHOUT_TOKENS.
    """

    def __init__(self, git: GitCheckout, space: str, job_token: str = "") -> None:
        self._git = git
        self._space = space
        self._environment = {"CI_JOB_TOKEN": job_token} if job_token else {}

    def reach(self, ref: str, sha: str) -> Reach:
        """Say where a ref points to now, and whether its history contains the commit.

        What the checkout does not have is fetched; a shallow one is made whole only if the answer would be no. Raises
        `ConfigurationError` without a checkout or a remote, `MachineryError` when the remote cannot be asked.
        """
        name = f"{self._space}{ref}"
        head = self._head(name)
        if head in {"", sha}:
            return Reach(head, bool(head))
        self._asked("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--refmap=", _REMOTE, name)
        if self._contains(head, sha):
            return Reach(head, contains=True)
        if self._git.is_shallow():
            self._asked("fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--unshallow", _REMOTE, name)
        return Reach(head, self._contains(head, sha))

    def heads(self) -> dict[str, str]:
        """Return the commit that each branch and tag points to, by full name; raises what `reach` raises."""
        listing = self._asked("ls-remote", "--quiet", _REMOTE, "refs/heads/*", "refs/tags/*")
        found = {match["ref"]: match["sha"] for match in _LINE.finditer(listing)}
        # Of a tag with a message, the commit and not the tag.
        peeled = {name.removesuffix("^{}"): sha for name, sha in found.items() if name.endswith("^{}")}
        return {name: sha for name, sha in {**found, **peeled}.items() if not name.endswith("^{}")}

    def _head(self, name: str) -> str:
        """Return the commit that a full ref name points to, empty if there is none."""
        listing = self._asked("ls-remote", "--quiet", _REMOTE, name, f"{name}^{{}}")
        found = {match["ref"]: match["sha"] for match in _LINE.finditer(listing)}
        # Of a tag with a message, the commit and not the tag.
        return found.get(f"{name}^{{}}", found.get(name, ""))

    def _contains(self, head: str, sha: str) -> bool:
        outcome = self._git.run_remote(self._environment, "merge-base", "--is-ancestor", sha, head)
        if outcome.returncode not in {0, 1}:
            words = outcome.stderr.strip()[-500:]
            raise MachineryError(
                "the history of the branch or tag is not here",
                detail=f"git merge-base: {words!a}; somebody may have moved it just now",
                hint="retry the job",
            )
        return outcome.returncode == 0

    def _asked(self, *arguments: str) -> str:
        outcome = self._git.run_remote(self._environment, *arguments)
        if outcome.returncode == 0:
            return outcome.stdout
        what, words = "cannot ask GitLab's repository for the branch or tag", _LOGIN.sub("//", outcome.stderr).strip()
        if "not a git repository" in words or "does not appear to be a git repository" in words:
            raise ConfigurationError(
                what,
                detail=f"observed: {words[-500:]!a}\nexpected: a checkout with the remote `{_REMOTE}`",
                hint="let the job check out the repository: remove `GIT_STRATEGY: none`",
            )
        raise MachineryError(what, detail=f"git {arguments[0]}: {words[-500:]!a}", hint="retry the job")
