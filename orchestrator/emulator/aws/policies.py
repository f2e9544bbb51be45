"""Does a resource's policy let EventBridge in: the few statements that functions and queues have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

EVENTS = "events.amazonaws.com"
_EQUALITY = ("StringEquals", "StringLike", "ArnEquals", "ArnLike")


def lets_events_in(policy: Mapping[str, Any], action: str, *, rule_arn: str, account_id: str) -> bool:
    """Tell whether `policy` allows `action` to EventBridge on behalf of the rule.

    Understood are principals, actions with `*`, and the keys `aws:SourceArn` and `aws:SourceAccount` under the
    operators for equality; any other condition does not hold. A statement that denies wins.
    """
    facts = {"aws:sourcearn": rule_arn, "aws:sourceaccount": account_id}
    concerned = [
        statement["Effect"]
        for statement in _listed(policy.get("Statement", []))
        if _names(statement.get("Principal", {}))
        and any(_like(pattern, action, ignore_case=True) for pattern in _listed(statement.get("Action", [])))
        and _holds(statement.get("Condition", {}), facts)
    ]
    return "Allow" in concerned and "Deny" not in concerned


def _names(principal: Any) -> bool:
    if principal == "*":
        return True
    services = _listed(principal.get("Service", [])) if isinstance(principal, Mapping) else []
    everybody = isinstance(principal, Mapping) and "*" in _listed(principal.get("AWS", []))
    return EVENTS in services or everybody


def _holds(condition: Mapping[str, Mapping[str, Any]], facts: Mapping[str, str]) -> bool:
    return all(
        comparison in _EQUALITY
        and key.lower() in facts
        and any(_like(str(pattern), facts[key.lower()]) for pattern in _listed(patterns))
        for comparison, wanted in condition.items()
        for key, patterns in wanted.items()
    )


def _like(pattern: str, value: str, *, ignore_case: bool = False) -> bool:
    text = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(text, value, re.IGNORECASE if ignore_case else 0) is not None


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
