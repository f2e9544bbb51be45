"""What a GitLab project and its server lack for this plan."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import date, timedelta

from orchestrator.doctor.ailments import UNSEEN, found
from orchestrator.doctor_ports import ExaminedProject, ProjectFacts, TokenFacts
from orchestrator.findings import Finding, Weight
from orchestrator.onboarding_ports import Role, TriggerToken
from orchestrator.plan.model import Plan
from orchestrator.vocabulary import Return

# docs/guide.md
_OLDEST, _INPUTS = (16, 11), (17, 11)
_SOON = timedelta(days=14)
_ROLES = {"developer": Role.DEVELOPER, "maintainer": Role.MAINTAINER, "owner": Role.OWNER}


def version(plan: Plan, project: ExaminedProject) -> Iterator[Finding]:
    """Give what this server is too old for."""
    told = project.version()
    parts = re.match(r"(\d+)\.(\d+)", told)
    has = (int(parts[1]), int(parts[2])) if parts else _INPUTS
    if has < _OLDEST:
        yield found("gitlab-old", plan.gitlab.url, f"this is GitLab {told}", "upgrade it to 16.11 or newer")
    elif has < _INPUTS and plan.handback and plan.handback.inputs:
        yield found("gitlab-inputs", plan.gitlab.url, f"this is GitLab {told}", "write `handback: {inputs: false}`")


def token(facts: TokenFacts, today: date) -> Iterator[Finding]:
    """Give what is wrong with the token that GitLab is asked with."""
    subject, fix = "GitLab token", "create a new one in GitLab, and export ORCHESTRATOR_GITLAB_TOKEN"
    if is_dead(facts, today):
        what = "GitLab does not accept it: it is revoked, expired or not whole; nothing else was looked at there"
        yield found("gitlab-token", subject, what, fix)
        return
    if facts.expires_on and facts.expires_on <= today + _SOON:
        yield found("gitlab-expiring", subject, f"it expires on {facts.expires_on.isoformat()}", fix)
    if "api" not in facts.scopes:
        yield found(
            "gitlab-scope", subject, f"it has {', '.join(facts.scopes) or 'no scope'}", f"{fix}, with the scope `api`"
        )


def is_dead(facts: TokenFacts, today: date) -> bool:
    """Tell whether a token opens nothing, so that nothing else need be asked with it."""
    return not facts.active or bool(facts.expires_on and facts.expires_on <= today)


def project(plan: Plan, examined: ExaminedProject, today: date) -> Iterator[Finding]:
    """Give what is wrong with the project: its protection, its trigger tokens, who may give variables."""
    name = plan.gitlab.project
    facts = examined.project() if name else None
    if facts is None:
        what = f"the token sees no project `{name}`" if name else "orchestrator.yml does not name it"
        fix = "write `gitlab: {project: group/name}`, and be a member of it"
        yield found("gitlab-project", plan.gitlab.url, what, fix)
        return
    if facts.default_branch and not facts.protected:
        fix = f"`glab api --method POST projects/{facts.id}/protected_branches --field name={facts.default_branch}`"
        yield found("branch-unprotected", facts.path, f"`{facts.default_branch}` is not protected", fix)
    if plan.return_ is Return.WAIT:
        return
    if facts.access < Role.MAINTAINER:
        what = "trigger tokens are shown to Maintainers only, and this token has a smaller role"
        yield Finding(
            "triggers", Weight.UNKNOWN, facts.path, what, UNSEEN, "let a Maintainer run `orchestrator doctor`"
        )
        return
    yield from _triggers(plan, facts, examined, today)


def _triggers(plan: Plan, facts: ProjectFacts, examined: ExaminedProject, today: date) -> Iterator[Finding]:
    known = examined.triggers()
    # What `onboard` has made says which parameter it is for; without such a token any may be the one.
    marked = [one for one in known if one.description.endswith(f":{plan.region}:{plan.gitlab.trigger_parameter}")]
    if not known:
        yield found("trigger-missing", facts.path, "it has no trigger token", "`orchestrator onboard`")
    for one in marked or known:
        yield from _trigger(facts, one, today)


def _trigger(facts: ProjectFacts, one: TriggerToken, today: date) -> Iterator[Finding]:
    subject, fix = f"trigger token {one.id} of {facts.path}", "`orchestrator onboard --rotate`"
    owner = one.owner
    if owner is None or not owner.active or owner.role < Role.DEVELOPER:
        what = "it has no owner" if owner is None else f"its owner `{owner.name}` is blocked or no Developer of it"
        yield found("trigger-owner", subject, what, f"{fix}, as somebody who stays")
    elif owner.role < _ROLES.get(facts.variables_role, Role.OWNER + 1):
        # No wider than this owner needs: who may set variables may run code in jobs (docs/security.md).
        least = next(name for name, role in reversed(_ROLES.items()) if role <= owner.role)
        fix_role = (
            "declare the input (docs/handback.md); with an older GitLab `glab api --method PUT "
            f"projects/{facts.id} --field ci_pipeline_variables_minimum_override_role={least}`"
        )
        what = f"the project lets `{facts.variables_role}` give variables; the owner of trigger token {one.id} is not"
        yield found("pipeline-variables", facts.path, what, fix_role)
    ends = date.fromisoformat(one.expires_at[:10]) if one.expires_at else None
    if ends and ends <= today:
        yield found("trigger-expired", subject, f"it has expired on {ends.isoformat()}", fix)
    elif ends and ends <= today + _SOON:
        yield found("trigger-expiring", subject, f"it expires on {ends.isoformat()}", fix)
