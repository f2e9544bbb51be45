"""Which trigger token belongs into the parameter, and which are to go. Pure.

GitLab shows the value of a token to its owner only, and the parameter's description tells which token is stored. So a
run that was killed between the two is finished by whoever began it; somebody else makes a token of their own. Of two
people who do so at once the first to store wins, because SSM creates a parameter only once; the other's token goes.
"""

from __future__ import annotations

from collections.abc import Iterator

from orchestrator.onboarding.look import Observed, Wanted
from orchestrator.onboarding.marks import stored_token
from orchestrator.onboarding.problems import Problem
from orchestrator.onboarding.steps import CreateToken, DeleteParameter, DeleteToken, Step, StoreToken
from orchestrator.onboarding_ports import Role, TriggerToken

_ROTATE = "`orchestrator onboard --rotate` replaces it"


def ours(observed: Observed, wanted: Wanted) -> list[TriggerToken]:
    """Return the trigger tokens that were made for this parameter, the oldest first."""
    mark = wanted.place.token_mark(wanted.parameter)
    return sorted((token for token in observed.tokens if token.description == mark), key=lambda token: token.id)


def stored_id(observed: Observed, wanted: Wanted) -> int | None:
    """Return the id of the token that the parameter holds, None if there is none of ours in it."""
    found = observed.parameters.get(wanted.parameter)
    return stored_token(found.description, observed.facts.id, wanted.server) if found else None


def token_problems(observed: Observed, wanted: Wanted, *, rotate: bool) -> Iterator[Problem]:
    """Yield what is wrong with what is stored; `--rotate` mends all of it."""
    found = observed.parameters.get(wanted.parameter)
    if found is None or rotate or not wanted.token:
        return
    what = f"the SSM parameter `{wanted.parameter}` cannot be used"
    number = stored_id(observed, wanted)
    if not found.secure:
        yield Problem(what, f"the type {found.kind}", "the type SecureString", _ROTATE)
    elif number is None:
        by = f", last by {found.changed_by}" if found.changed_by else ""
        yield Problem(
            what,
            f"stored by something else than onboard{by}",
            f"no parameter, or one that onboard has stored for project {observed.facts.id} at {wanted.server}",
            f"find out what it is for; {_ROTATE}, and `trigger.token_parameter` names another one",
            foreign=True,
        )
    else:
        token = next((item for item in observed.tokens if item.id == number), None)
        yield from _of_token(number, token, wanted.today)


def _of_token(number: int, token: TriggerToken | None, today: str) -> Iterator[Problem]:
    what = f"trigger token {number} starts no pipelines"
    if token is None:
        yield Problem(what, "it is no more in GitLab", "the token that is stored", _ROTATE)
    elif token.owner is None or not token.owner.active:
        name = token.owner.name if token.owner else "somebody whose account is gone"
        yield Problem(what, f"its owner, {name}, is blocked or has left", "an active owner", _ROTATE)
    elif token.owner.role < Role.DEVELOPER:
        observed = f"its owner, {token.owner.name}, may run no pipelines in this project"
        yield Problem(what, observed, "an owner with the role Developer at least", _ROTATE)
    elif token.expires_at is not None and token.expires_at[:10] <= today:
        yield Problem(what, f"it has expired on {token.expires_at[:10]}", "a token that is valid", _ROTATE)


def token_steps(observed: Observed, wanted: Wanted, *, rotate: bool, rotated: bool) -> Iterator[Step]:
    """Yield what to do about the token; `rotated` says that this run has replaced it already."""
    if not wanted.token:
        return
    known, number = ours(observed, wanted), stored_id(observed, wanted)
    alive = any(token.id == number for token in observed.tokens)
    stored = wanted.parameter in observed.parameters
    if stored and not (rotate and not (rotated and alive)):
        yield from _leftovers(known, number)
        return
    # One that was made and not stored is taken before another is made: the newest when the old one is to go.
    mine = [token for token in known if token.value is not None and (number is None or token.id > number)]
    taken = mine[-1 if rotate else 0] if mine else None
    found = observed.parameters.get(wanted.parameter)
    if found is not None and not found.secure:
        # SSM changes the type of no parameter (SSM API: HierarchyTypeMismatchException).
        yield DeleteParameter(wanted.parameter, wanted.place.region)
    if taken is None:
        yield CreateToken(wanted.place.token_mark(wanted.parameter), observed.facts.caller.name, wanted.expires_on)
    number, region = taken.id if taken else None, wanted.place.region
    yield StoreToken(wanted.parameter, region, number, wanted.key_arn, replace=found is not None and found.secure)
    yield from _leftovers(known, taken.id if taken else None)


def _leftovers(known: list[TriggerToken], kept: int | None) -> Iterator[DeleteToken]:
    yield from (DeleteToken(token.id, "it is not the one that is stored") for token in known if token.id != kept)
