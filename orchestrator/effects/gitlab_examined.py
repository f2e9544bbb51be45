"""A GitLab project as `doctor` looks at it: everything is read, nothing is changed."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import gitlab

from orchestrator.doctor_ports import ProjectFacts, TokenFacts
from orchestrator.effects.gitlab import connection, gitlab_errors
from orchestrator.onboarding_ports import Person, TriggerToken
from orchestrator.patience import GITLAB, Patience


class GitLabExamined:
    """One project of a server, as the owner of a token sees it. Values of trigger tokens are not kept."""

    def __init__(self, url: str, project: str, token: str, patience: Patience) -> None:
        self._name = project
        self._gitlab = connection(url, token, GITLAB, patience)

    def version(self) -> str:
        """Return the version of the server."""
        with gitlab_errors("cannot read the version of GitLab"):
            return str(self._gitlab.http_get("/version")["version"])  # type: ignore[index]

    def token(self) -> TokenFacts:
        """Return what the token may do, and for how long."""
        with gitlab_errors("cannot read what the GitLab token may do"):
            try:
                own = self._gitlab.personal_access_tokens.get("self")
            except gitlab.exceptions.GitlabAuthenticationError:
                # 401: this is how GitLab tells of a token that it does not know, or no longer.
                return TokenFacts((), active=False, expires_on=None)
        ends = own.attributes.get("expires_at")
        return TokenFacts(tuple(own.scopes), bool(own.active), date.fromisoformat(ends[:10]) if ends else None)

    def project(self) -> ProjectFacts | None:
        """Return the project, None if the token sees none."""
        with gitlab_errors(f"cannot read the GitLab project `{self._name}`"):
            found = _found(lambda: self._gitlab.projects.get(self._name))
            if found is None:
                return None
            me = self._gitlab.http_get("/user")["id"]  # type: ignore[index]
            member = _found(lambda: found.members_all.get(me))
            access = int(member.access_level) if member else 0
            branch = found.attributes.get("default_branch") or ""
            # GitLab itself says it beside the branch, wildcards included (api/branches).
            head = _found(lambda: found.branches.get(branch)) if branch else None
        return ProjectFacts(
            id=int(found.id),
            path=str(found.path_with_namespace),
            default_branch=branch if head else "",
            protected=bool(head and head.protected),
            access=access,
            variables_role=str(found.attributes.get("ci_pipeline_variables_minimum_override_role", "developer")),
        )

    def triggers(self) -> Sequence[TriggerToken]:
        """Return the trigger tokens with their owners' roles today."""
        with gitlab_errors(f"cannot read the trigger tokens of `{self._name}`"):
            project = self._gitlab.projects.get(self._name)
            return [self._trigger(project, one) for one in project.triggers.list(get_all=True)]

    def _trigger(self, project: Any, one: Any) -> TriggerToken:
        owner = one.attributes.get("owner")
        person = None
        if owner:
            member = _found(lambda: project.members_all.get(owner["id"]))
            role = int(member.access_level) if member else 0
            person = Person(int(owner["id"]), str(owner["username"]), role, owner.get("state") == "active")
        return TriggerToken(int(one.id), str(one.description or ""), person, one.attributes.get("expires_at"))


def _found(ask: Any) -> Any:
    """Return what was asked for, None if GitLab says that there is none."""
    try:
        return ask()
    except gitlab.exceptions.GitlabGetError as error:
        if error.response_code == 404:
            return None
        raise
