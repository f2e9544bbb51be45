"""One GitLab project as `onboard` sees it: tokens, variables, files and merge requests, by python-gitlab."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

from gitlab.exceptions import GitlabError, GitlabGetError

from orchestrator.effects.gitlab import connection
from orchestrator.effects.gitlab_answers import (
    GONE,
    already_gone,
    merged_of,
    or_raced,
    project_errors,
    request_of,
    variable_of,
)
from orchestrator.errors import ConfigurationError
from orchestrator.onboarding_ports import (
    CiVariable,
    GitLabFacts,
    MergeRequest,
    Person,
    Role,
    Sealed,
    TriggerToken,
    Verdict,
)
from orchestrator.patience import GITLAB, Patience
from orchestrator.redaction import KNOWN, SHORTEST_SECRET

_EVERYWHERE = "*"


class RemoteProject:
    """A project by its id or path, seen with the access token of a person."""

    def __init__(self, url: str, project: str, token: str, patience: Patience | None = None) -> None:
        self._gitlab = connection(url, token, GITLAB, patience)
        self._name = project
        self._known: Any = None
        self._people: dict[int, Person] = {}

    def facts(self) -> GitLabFacts:
        """Return what the project is, and who asks."""
        self._people.clear()
        with project_errors(f"cannot look at the GitLab project {self._name}"):
            self._known = self._gitlab.projects.get(self._name)
            me: Any = self._gitlab.http_get("/user")
        branch = self._known.default_branch if not self._known.empty_repo else None
        return GitLabFacts(
            id=self._known.id,
            path=self._known.path_with_namespace,
            url=self._known.web_url,
            default_branch=branch or "",
            config_path=self._known.ci_config_path or ".gitlab-ci.yml",
            caller=self._person(me, owner=bool(me.get("is_admin"))),
            protected=self._is_protected(branch) if branch else False,
        )

    def tokens(self) -> Sequence[TriggerToken]:
        """Return the trigger tokens; the role of an owner is asked for those of ours only."""
        with project_errors("cannot read the trigger tokens"):
            found = self._project.triggers.list(get_all=True)
        return [self._token(item.attributes) for item in found]

    def create_token(self, description: str, expires_on: str | None) -> TriggerToken:
        """Create a trigger token of the caller. A server that knows no expiry ignores it."""
        wanted = {"description": description, **({"expires_at": expires_on} if expires_on else {})}
        with project_errors("cannot create a trigger token"):
            made = self._project.triggers.create(wanted)
        return self._token(made.attributes)

    def delete_token(self, token_id: int) -> None:
        """Revoke a trigger token; one that is gone is no failure."""
        with project_errors(f"cannot delete trigger token {token_id}"), already_gone():
            self._project.triggers.delete(token_id)

    def variables(self) -> Sequence[CiVariable]:
        """Return the CI/CD variables for all environments."""
        with project_errors("cannot read the CI/CD variables"):
            found = [item.attributes for item in self._project.variables.list(get_all=True)]
        return [variable_of(item) for item in found if item.get("environment_scope", _EVERYWHERE) == _EVERYWHERE]

    def set_variable(self, variable: CiVariable, *, new: bool) -> None:
        """Create or change a variable; raises `Raced` if it is there already, or no more."""
        fields = {
            "value": variable.value,
            "protected": variable.protected,
            "masked": variable.masked,
            "raw": True,
            "description": variable.description,
        }
        with project_errors(f"cannot set the CI/CD variable {variable.key}"), or_raced(variable.key):
            if new:
                self._project.variables.create({"key": variable.key, **fields})
            else:
                self._project.variables.update(variable.key, {**fields, "filter": {"environment_scope": _EVERYWHERE}})

    def delete_variable(self, key: str) -> None:
        """Delete a variable; one that is gone is no failure."""
        with project_errors(f"cannot delete the CI/CD variable {key}"), already_gone():
            self._project.variables.delete(key, filter={"environment_scope": _EVERYWHERE})

    def read(self, path: str, ref: str) -> str | None:
        """Return a file at a ref, None if there is none; raises ConfigurationError for what is no UTF-8 text."""
        with project_errors(f"cannot read `{path}`"):
            try:
                found = self._project.files.get(path, ref=ref)
            except GitlabGetError as error:
                if error.response_code == GONE:
                    return None
                raise
        try:
            return bytes(found.decode()).decode("utf-8")
        except UnicodeDecodeError as error:
            raise ConfigurationError(
                f"`{path}` cannot be read as text", detail=f"observed: {error.reason}", hint="save it as UTF-8"
            ) from error

    def lint(self, content: str) -> Verdict:
        """Return what GitLab says of a configuration on the default branch."""
        with project_errors("cannot ask GitLab's CI lint"):
            said = self._project.ci_lint.create({"content": content}).attributes
        return Verdict(bool(said["valid"]), tuple(said.get("errors") or ()), merged_of(said.get("merged_yaml")))

    def branch_message(self, branch: str) -> str | None:
        """Return the message of the newest commit of a branch, None if there is no such branch."""
        with project_errors(f"cannot look at the branch {branch}"):
            try:
                return str(self._project.branches.get(branch).commit["message"])
            except GitlabGetError as error:
                if error.response_code == GONE:
                    return None
                raise

    def commit(self, branch: str, start: str, files: Mapping[str, tuple[bool, str]], message: str) -> None:
        """Make a branch at the head of `start` with one commit; raises `Raced` if the branch is there already."""
        actions = [
            {
                "action": "create" if new else "update",
                "file_path": path,
                "content": base64.b64encode(text.encode()).decode(),
                "encoding": "base64",
            }
            for path, (new, text) in files.items()
        ]
        wanted = {"branch": branch, "start_branch": start, "commit_message": message, "actions": actions}
        with project_errors(f"cannot commit to the branch {branch}"), or_raced(f"the branch {branch}"):
            self._project.commits.create(wanted)

    def revert(self, branch: str, start: str, commit: str) -> bool:
        """Make a branch at the head of `start`, and undo a commit on it; False, and no branch, if that conflicts."""
        message = self.branch_message(branch)
        # The head of `start` may undo something, too: then a run was killed between the branch and its commit.
        if message is not None and message.startswith("Revert ") and message != self.branch_message(start):
            return True
        with project_errors(f"cannot undo {commit} on the branch {branch}"):
            if message is None:
                self._project.branches.create({"branch": branch, "ref": start})
            try:
                self._project.commits.get(commit, lazy=True).revert(branch)
            except GitlabError as error:
                if error.response_code != 400 or "revert" not in str(error.error_message):
                    raise
            else:
                return True
        self.delete_branch(branch)
        return False

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone is no failure."""
        with project_errors(f"cannot delete the branch {branch}"), already_gone():
            self._project.branches.delete(branch)

    def merge_requests(self, branch: str) -> Sequence[MergeRequest]:
        """Return the merge requests of a source branch into the default branch, the newest first."""
        with project_errors("cannot read the merge requests"):
            found = self._project.mergerequests.list(
                source_branch=branch, target_branch=self._known.default_branch, state="all", get_all=True
            )
        return sorted((request_of(item.attributes) for item in found), key=lambda item: -item.iid)

    def open_request(self, branch: str, target: str, title: str, description: str) -> MergeRequest:
        """Open a merge request; raises `Raced` if there is one."""
        wanted = {"source_branch": branch, "target_branch": target, "title": title, "description": description}
        with project_errors(f"cannot open a merge request of {branch}"), or_raced(f"a merge request of {branch}"):
            made = self._project.mergerequests.create({**wanted, "remove_source_branch": True})
        return request_of(made.attributes)

    def close_request(self, iid: int) -> None:
        """Close a merge request without merging it."""
        with project_errors(f"cannot close the merge request !{iid}"):
            self._project.mergerequests.update(iid, {"state_event": "close"})

    @property
    def _project(self) -> Any:
        return self._known if self._known is not None else self._gitlab.projects.get(self._name, lazy=True)

    def _is_protected(self, branch: str) -> bool:
        with project_errors(f"cannot look at the branch {branch}"):
            return bool(self._project.branches.get(branch).protected)

    def _token(self, item: Mapping[str, Any]) -> TriggerToken:
        value, description = str(item.get("token") or ""), str(item.get("description") or "")
        owner = item.get("owner")
        # Of somebody else's token GitLab shows four characters (GitLab docs: api/pipeline_triggers).
        own = len(value) >= SHORTEST_SECRET
        return TriggerToken(
            id=int(item["id"]),
            description=description,
            owner=self._person(owner) if owner and description.startswith("orchestrator:") else None,
            expires_at=item.get("expires_at"),
            value=Sealed(KNOWN.hide(value, "a trigger token")) if own else None,
        )

    def _person(self, user: Mapping[str, Any], *, owner: bool = False) -> Person:
        number = int(user["id"])
        if number not in self._people:
            role = Role.OWNER if owner else self._role(number)
            active = user.get("state", "active") == "active"
            self._people[number] = Person(number, str(user.get("username", number)), role, active and role > Role.NONE)
        return self._people[number]

    def _role(self, number: int) -> int:
        with project_errors("cannot look up a member of the project"):
            try:
                return int(self._project.members_all.get(number).access_level)
            except GitlabGetError as error:
                if error.response_code == GONE:
                    return Role.NONE
                raise
