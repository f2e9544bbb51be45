"""A script of faults: rules as a file states them, checked as a whole, as values that nothing changes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from orchestrator.emulator.injection.kinds import BUILD, EVENT, GITLAB, KINDS, Kind
from orchestrator.errors import ConfigurationError

ANY_AWS = "aws"
OUR_OWN = (GITLAB, BUILD, EVENT)
AWS_SERVICES = (
    "cloudwatch", "codebuild", "ec2", "events", "iam", "kms", "lambda", "logs", "s3", "secretsmanager", "sqs", "ssm",
    "sts",
)  # fmt: skip
SERVICES = (ANY_AWS, *OUR_OWN, *AWS_SERVICES)
_RULE_MEMBERS = ("answers", "name", "operation", "probability", "seed", "service", "times")

# The operations of a service, or None when every name is possible.
KnownOperations = Callable[[str], "Collection[str] | None"]


@dataclass(frozen=True)
class Answer:
    """One way to answer: the kind, and its members with their defaults filled in."""

    kind: str
    members: Mapping[str, Any]

    def __getitem__(self, name: str) -> Any:
        """Return a member."""
        return self.members[name]

    def told(self) -> dict[str, Any]:
        """Return it as a script would write it in full."""
        return {"kind": self.kind, **self.members}


@dataclass(frozen=True)
class Rule:
    """When `service` and `operation` (a pattern with `*`) match, with `probability`, `times` times (None: always)."""

    name: str
    service: str
    operation: str
    answers: tuple[Answer, ...]
    times: int | None
    probability: float
    seed: str

    def matches(self, service: str, operation: str) -> bool:
        """Tell whether a call is one of those that the rule is about."""
        served = self.service == service or (self.service == ANY_AWS and service not in OUR_OWN)
        return served and fnmatchcase(operation, self.operation)


def parse(document: Any, known: KnownOperations = lambda _: None) -> tuple[Rule, ...]:
    """Return the rules of a script `{"seed": 0, "rules": [...]}`.

    Raises ConfigurationError (exit 2) that lists everything that is wrong with it.
    """
    problems: list[str] = []
    if not isinstance(document, Mapping) or not isinstance(document.get("rules"), list):
        raise _refused(['expected an object with a list `rules`, such as {"seed": 0, "rules": []}'])
    problems += _strangers(document, ("rules", "seed"), "the script")
    rules = []
    for index, entry in enumerate(document["rules"], start=1):
        place = f"rule {index}"
        found: list[str] = ["expected an object"] if not isinstance(entry, Mapping) else _faulty(entry, known)
        problems += [f"{place}: {problem}" for problem in found]
        if not found:
            rules.append(_rule(entry, index, document.get("seed", 0)))
    names = [rule.name for rule in rules]
    problems += [f"the name `{name}` stands at two rules" for name in dict.fromkeys(names) if names.count(name) > 1]
    if problems:
        raise _refused(problems)
    return tuple(rules)


def _rule(entry: Mapping[str, Any], index: int, seed: object) -> Rule:
    name = entry.get("name", f"rule-{index}")
    answers = tuple(_answer(answer) for answer in entry["answers"])
    return Rule(
        name=name,
        service=entry["service"],
        operation=entry.get("operation", "*"),
        answers=answers,
        times=entry.get("times", len(answers)),
        probability=entry.get("probability", 1),
        seed=f"{entry.get('seed', seed)}:{name}",
    )


def _answer(entry: Any) -> Answer:
    given = {"kind": entry} if isinstance(entry, str) else dict(entry)
    kind = given.pop("kind")
    defaults = {name: member.default for name, member in KINDS[kind].members.items()}
    return Answer(kind, defaults | given)


def _faulty(entry: Mapping[str, Any], known: KnownOperations) -> list[str]:
    problems = _strangers(entry, _RULE_MEMBERS, "a rule")
    service, answers = entry.get("service"), entry.get("answers")
    if service not in SERVICES:
        problems.append(
            f"`service` is {service!r}, expected one of: {', '.join(SERVICES)}{_nearest(service, SERVICES)}"
        )
    else:
        problems += _faulty_operation(entry.get("operation", "*"), service, known)
    if not isinstance(answers, list) or not answers:
        return [*problems, "`answers` must be a list with at least one answer"]
    for answer in answers:
        problems += _faulty_answer(answer, service if service in SERVICES else "")
    times, probability = entry.get("times", 1), entry.get("probability", 1)
    if times is not None and not (_is_whole(times) and times >= 1):
        problems.append(f"`times` is {times!r}, expected a whole number from 1, or null for always")
    if not _is_number(probability) or not 0 < probability <= 1:
        problems.append(f"`probability` is {probability!r}, expected a number above 0 and up to 1")
    if not isinstance(entry.get("name", ""), str):
        problems.append("`name` must be a text")
    return problems


def _faulty_operation(operation: Any, service: str, known: KnownOperations) -> list[str]:
    if not isinstance(operation, str) or not operation:
        return [f"`operation` is {operation!r}, expected a name, with `*` for anything"]
    names = known(service)
    if names is None or any(fnmatchcase(name, operation) for name in names):
        return []
    return [f"`{service}` has no operation `{operation}`{_nearest(operation, names)}"]


def _faulty_answer(entry: Any, service: str) -> list[str]:
    given = {"kind": entry} if isinstance(entry, str) else entry
    if not isinstance(given, Mapping) or not isinstance(given.get("kind"), str):
        return ["an answer must be the name of a kind, or an object with `kind`"]
    name = given["kind"]
    if name not in KINDS:
        return [f"there is no kind of answer `{name}`{_nearest(name, KINDS)}"]
    kind = KINDS[name]
    if service and not _fits(kind, service):
        return [f"`{name}` is no answer of `{service}`; it is one of: {', '.join(kind.services)}"]
    problems = _strangers(given, ("kind", *kind.members), f"`{name}`")
    for member, rule in kind.members.items():
        value = given.get(member, rule.default)
        if not rule.accepts(value):
            problems.append(f"`{member}` of `{name}` is {value!r}, expected {rule.expected}")
    return problems


def _fits(kind: Kind, service: str) -> bool:
    return service in kind.services or (ANY_AWS in kind.services and service not in OUR_OWN)


def _strangers(given: Mapping[str, Any], allowed: Collection[str], owner: str) -> list[str]:
    return [f"{owner} has no member `{name}`{_nearest(name, allowed)}" for name in given if name not in allowed]


def _nearest(word: object, words: Collection[str]) -> str:
    close = difflib.get_close_matches(str(word), words, n=1)
    return f"; perhaps you meant `{close[0]}`" if close else ""


def _is_number(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _refused(problems: list[str]) -> ConfigurationError:
    return ConfigurationError(
        "the script of faults cannot be used",
        detail="\n".join(problems),
        hint="docs/emulator-faults.md has every service and kind of answer",
    )
