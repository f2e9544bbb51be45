"""How what we have made is recognised again, by anybody, without a record of our own and without reading a secret."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from dataclasses import dataclass

_STORED = re.compile(r"orchestrator: trigger token (\d+) of project (\d+) \(.*\) at (\S+)")
_TRAILER = "Orchestrator-Onboard"


@dataclass(frozen=True)
class Place:
    """Where a project's builds run, and what `orchestrator.yml` calls it: one onboarding for each of these."""

    account: str
    region: str
    project: str

    @property
    def mark(self) -> str:
        """The description of its CI/CD variables."""
        return f"orchestrator:{self.account}:{self.region}:{self.project}"

    def token_mark(self, parameter: str) -> str:
        """Return the description of the trigger token that belongs into a parameter."""
        return f"orchestrator:{self.account}:{self.region}:{parameter}"

    @property
    def request_mark(self) -> str:
        """What the description of its merge requests ends with; GitLab does not show it."""
        return f"<!-- {self.mark} -->"

    @property
    def branch(self) -> str:
        """The branch that brings its files."""
        return f"orchestrator/onboard-{self.project}"

    @property
    def farewell_branch(self) -> str:
        """The branch that takes them away."""
        return f"orchestrator/offboard-{self.project}"

    def trailer(self, files: Mapping[str, str]) -> str:
        """Return the last line of the commit that brings these files, by path."""
        digest = hashlib.sha256(repr(sorted(files.items())).encode()).hexdigest()[:16]
        return f"{_TRAILER}: {self.mark} {digest}"

    def is_ours(self, message: str) -> bool:
        """Tell whether a commit is one that brought files for this project, whichever."""
        return f"{_TRAILER}: {self.mark} " in message


def stored_description(token_id: int, project_id: int, path: str, server: str) -> str:
    """Return the description of the parameter that holds a trigger token: it tells which."""
    return f"orchestrator: trigger token {token_id} of project {project_id} ({path}) at {server}"


def stored_token(description: str, project_id: int, server: str) -> int | None:
    """Return the id of the trigger token that a parameter of this description holds, None if it is not ours."""
    found = _STORED.fullmatch(description)
    ours = found and int(found[2]) == project_id and found[3] == server
    return int(found[1]) if found and ours else None
