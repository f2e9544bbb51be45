"""What is in the way of an onboarding, and what is done about tokens: decided without a network."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.onboarding.ci_include import Component
from orchestrator.onboarding.decide import problems, steps
from orchestrator.onboarding.look import Files, Observed, Wanted
from orchestrator.onboarding.marks import Place, stored_description, stored_token
from orchestrator.onboarding.offboard import steps as farewell_steps
from orchestrator.onboarding.problems import failure
from orchestrator.onboarding.steps import CreateToken, DeleteParameter, DeleteToken, StoreToken
from orchestrator.onboarding_ports import (
    CiVariable,
    GitLabFacts,
    MergeRequest,
    Person,
    Sealed,
    StoredParameter,
    TriggerToken,
    Verdict,
)

SERVER = "https://gitlab.example.com"
NAME = "/gitlab/trigger/demo"
PLACE = Place("123456789012", "eu-central-1", "demo")
MARK = PLACE.token_mark(NAME)
ADA = Person(1, "ada", 40)
FACTS = GitLabFacts(17, "shop/demo", f"{SERVER}/shop/demo", "main", ".gitlab-ci.yml", ADA, protected=True)
VARIABLE = CiVariable("ORCHESTRATOR_START_ROLE_ARN", "arn:new", protected=True, masked=True, description=PLACE.mark)
WANTED = Wanted(
    place=PLACE,
    server=SERVER,
    parameter=NAME,
    component=Component("host/p/c@1"),
    path="orchestrator.yml",
    configuration="x",
    variables=(VARIABLE,),
    today="2030-01-01",
)


def token(
    number: int, *, owner: Person | None = ADA, mark: str = MARK, own: bool = True, expires: str | None = None
) -> TriggerToken:
    """Return a trigger token; only the owner sees the value."""
    return TriggerToken(number, mark, owner, expires, Sealed(f"glptt-{number}") if own else None)


def stored(number: int, kind: str = "SecureString", description: str = "") -> dict[str, StoredParameter]:
    """Return the parameter with the token of a number in it."""
    text = description or stored_description(number, 17, "shop/demo", SERVER)
    return {NAME: StoredParameter(NAME, kind, text, "arn:aws:iam::123456789012:user/bob")}


SETTLED = Observed(
    facts=FACTS,
    tokens=(token(5),),
    variables=(VARIABLE,),
    parameters=stored(5),
    elsewhere={},
    requests=(),
    branch_message=None,
    files=Files({}, None),
)
CHANGED = Files({"orchestrator.yml": (True, "x")}, None)
REFUSED_BY_LINT = Files({".gitlab-ci.yml": (True, "x")}, Verdict(valid=False, errors=("no such component",), merged={}))
NEEDED = replace(WANTED, needed={"/gitlab/pat": True, "/gitlab/username": False})
PAT = StoredParameter("/gitlab/pat", "String", "", "")

CASES: dict[str, tuple[Observed, Wanted, int, str]] = {
    "a developer": (
        replace(SETTLED, facts=replace(FACTS, caller=replace(ADA, role=30))),
        WANTED,
        2,
        "the role Developer",
    ),
    "a stranger": (
        replace(SETTLED, facts=replace(FACTS, caller=replace(ADA, role=0))),
        WANTED,
        2,
        "no role in this project",
    ),
    "an odd role": (replace(SETTLED, facts=replace(FACTS, caller=replace(ADA, role=35))), WANTED, 2, "Maintainer"),
    "an empty repository": (replace(SETTLED, facts=replace(FACTS, default_branch="")), WANTED, 2, "without commits"),
    "a pipeline elsewhere": (
        replace(SETTLED, facts=replace(FACTS, config_path="ci.yml@shop/pipelines")),
        WANTED,
        2,
        "ci.yml@shop/pipelines",
    ),
    "an owner who is blocked": (
        replace(SETTLED, tokens=(token(5, owner=replace(ADA, active=False)),)),
        WANTED,
        2,
        "ada, is blocked",
    ),
    "an owner who is gone": (replace(SETTLED, tokens=(token(5, owner=None),)), WANTED, 2, "account is gone"),
    "an owner who may not": (
        replace(SETTLED, tokens=(token(5, owner=replace(ADA, role=20)),)),
        WANTED,
        2,
        "may run no pipelines",
    ),
    "a token that expired": (
        replace(SETTLED, tokens=(token(5, expires="2029-12-31T00:00:00Z"),)),
        WANTED,
        2,
        "2029-12-31",
    ),
    "a token that was revoked": (replace(SETTLED, tokens=()), WANTED, 2, "no more in GitLab"),
    "a parameter in the open": (replace(SETTLED, parameters=stored(5, "String")), WANTED, 2, "the type String"),
    "somebody's parameter": (replace(SETTLED, parameters=stored(5, description="mine")), WANTED, 5, "user/bob"),
    "another project's parameter": (
        replace(SETTLED, parameters=stored(5, description=stored_description(5, 18, "x", SERVER))),
        WANTED,
        5,
        "project 17",
    ),
    "another server's parameter": (
        replace(SETTLED, parameters=stored(5, description=stored_description(5, 17, "x", "https://other"))),
        WANTED,
        5,
        SERVER,
    ),
    "nothing to clone with": (SETTLED, NEEDED, 2, "no such parameter"),
    "in another region": (replace(SETTLED, elsewhere={"/gitlab/pat": "us-east-1"}), NEEDED, 2, "it is in us-east-1"),
    "a token in the open": (
        replace(SETTLED, parameters={**stored(5), "/gitlab/pat": PAT}),
        NEEDED,
        2,
        "the type String",
    ),
    "somebody's variable": (
        replace(SETTLED, variables=(replace(VARIABLE, value="arn:old", description="by hand"),)),
        WANTED,
        5,
        "by hand",
    ),
    "a hidden variable": (
        replace(SETTLED, variables=(replace(VARIABLE, value=None, description=""),)),
        WANTED,
        5,
        "none",
    ),
    "what lint refuses": (replace(SETTLED, files=REFUSED_BY_LINT), WANTED, 2, "no such component"),
    "somebody's branch": (replace(SETTLED, files=CHANGED, branch_message="my work"), WANTED, 5, "onboard has not made"),
    "somebody's merge request": (
        replace(SETTLED, files=CHANGED, requests=(MergeRequest(3, "opened", "Mine", "", PLACE.branch, "url"),)),
        WANTED,
        5,
        "!3, Mine",
    ),
}


@pytest.mark.parametrize(("observed", "wanted", "code", "told"), CASES.values(), ids=CASES.keys())
def test_what_is_in_the_way_is_told(observed: Observed, wanted: Wanted, code: int, told: str) -> None:
    """Each says what was seen, what was expected and what to do, and whose move it is by its exit code."""
    found = problems(observed, wanted, rotate=False)
    error = failure(found)
    assert error.exit_code == code
    assert told in str(error)
    assert "observed: " in error.detail and "expected: " in error.detail and error.hint


def test_all_that_is_in_the_way_is_told_at_once() -> None:
    """Whoever mends what the message names is through; something of somebody else's makes it a refusal."""
    observed = replace(SETTLED, tokens=(), variables=(replace(VARIABLE, value="x", description=""),))
    error = failure(problems(observed, NEEDED, rotate=False))
    assert (error.what, error.exit_code) == ("4 things are in the way", 5)


def test_nothing_is_done_where_everything_is_there() -> None:
    """A settled project has no problems and no steps."""
    assert problems(SETTLED, WANTED, rotate=False) == []
    assert steps(SETTLED, WANTED, rotate=False) == []


def test_our_own_variable_follows_the_platform() -> None:
    """A variable that onboard has set is changed when the platform publishes another role, and nobody else's is."""
    old = replace(VARIABLE, value="arn:old")
    observed = replace(SETTLED, variables=(old,))
    assert problems(observed, WANTED, rotate=False) == []
    assert [str(step) for step in steps(observed, WANTED, rotate=False)] == [
        "change the CI/CD variable ORCHESTRATOR_START_ROLE_ARN (protected, masked)"
    ]


@pytest.mark.parametrize(
    "case", ["a parameter in the open", "somebody's parameter", "an owner who is blocked", "a token that was revoked"]
)
def test_rotation_mends_what_is_stored(case: str) -> None:
    """`--rotate` replaces whatever is stored; a parameter that is no SecureString is deleted first, as SSM wants it."""
    observed = CASES[case][0]
    assert problems(observed, WANTED, rotate=True) == []
    kinds = [type(step) for step in steps(observed, WANTED, rotate=True)]
    assert StoreToken in kinds
    assert (DeleteParameter in kinds) == (case == "a parameter in the open")


def test_stored_descriptions_are_read_back() -> None:
    """What a parameter says of its token is understood whatever the project is called, and by nothing else."""
    assert stored_token(stored_description(7, 17, "a (b) at x", SERVER), 17, SERVER) == 7
    assert stored_token("orchestrator: trigger token 7", 17, SERVER) is None


TOKENS = st.lists(
    st.builds(token, st.integers(1, 9), own=st.booleans(), mark=st.sampled_from([MARK, "theirs"])),
    unique_by=lambda item: item.id,
)


@settings(max_examples=150)
@given(TOKENS, st.sampled_from([None, *range(1, 10)]), st.booleans())
def test_any_leftovers_come_to_one_token(tokens: list[TriggerToken], number: int | None, rotate: bool) -> None:
    """However runs were cut short, carrying out the steps leaves one token of ours: the one that is stored."""
    observed = replace(SETTLED, tokens=tuple(tokens), parameters=stored(number) if number else {})
    if problems(observed, WANTED, rotate=rotate):
        return
    theirs = {item.id for item in tokens if item.description != MARK}
    after = carried_out(observed, steps(observed, WANTED, rotate=rotate))
    ours = [item.id for item in after.tokens if item.description == MARK]
    kept = stored_token(after.parameters[NAME].description, 17, SERVER)
    assert [kept] == ours or (kept in theirs and not ours)
    assert {item.id for item in after.tokens} >= theirs
    assert steps(after, WANTED, rotate=rotate, rotated=True) == []
    gone = farewell_steps(after, (), WANTED)
    assert {step.token_id for step in gone if isinstance(step, DeleteToken)} == set(ours)


def carried_out(observed: Observed, todo: list[Any]) -> Observed:
    """Return what is there when these steps were carried out."""
    tokens, parameters, made = list(observed.tokens), dict(observed.parameters), 0
    for step in todo:
        if isinstance(step, CreateToken):
            made = 10
            tokens.append(token(made))
        elif isinstance(step, StoreToken):
            assert step.replace == (NAME in parameters)
            parameters |= stored(step.token_id or made)
        elif isinstance(step, DeleteToken):
            # SSM has the new one by then.
            assert stored_token(parameters[NAME].description, 17, SERVER) != step.token_id
            tokens = [item for item in tokens if item.id != step.token_id]
    return replace(observed, tokens=tuple(tokens), parameters=parameters)


def test_who_waits_needs_no_token() -> None:
    """With `return: wait` no token is made, judged or thrown away, whatever is stored; offboarding still takes it."""
    waiting = replace(WANTED, token=False)
    for parameters in ({}, stored(5), stored(5, "String"), stored(5, description="by hand")):
        observed = replace(SETTLED, tokens=(token(5), token(6)), parameters=parameters)
        assert problems(observed, waiting, rotate=False) == []
        assert steps(observed, waiting, rotate=False) == steps(observed, waiting, rotate=True) == []
    assert [step for step in farewell_steps(observed, (), waiting) if isinstance(step, DeleteToken)]
