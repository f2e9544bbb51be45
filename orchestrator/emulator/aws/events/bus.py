"""Bring the events of builds to the targets of the rules that match: at least once, and in no order."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from orchestrator.emulator.aws.background import Background
from orchestrator.emulator.aws.clients import Clients
from orchestrator.emulator.aws.codebuild.arns import Place
from orchestrator.emulator.aws.events import inputs
from orchestrator.emulator.aws.events.state_change import Event, state_change
from orchestrator.emulator.aws.functions.asynchronous import Invocations
from orchestrator.emulator.aws.functions.catalogue import find
from orchestrator.emulator.aws.policies import lets_events_in
from orchestrator.emulator.aws.queues import send
from orchestrator.emulator.injection.engine import Faults
from orchestrator.emulator.injection.rules import Answer

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Target:
    """One target of a rule, with the members that PutTargets was given."""

    rule_arn: str
    members: Mapping[str, Any]

    @property
    def arn(self) -> str:
        """Return whom it is sent to."""
        return str(self.members["Arn"])


class Undeliverable(Exception):
    """The target cannot be reached; trying again would not help (AWS docs: eb-rule-dlq)."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Bus:
    """The default event bus of one region."""

    def __init__(
        self, place: Place, clients: Clients, invocations: Invocations, faults: Faults, background: Background
    ) -> None:
        self._place = place
        self._clients = clients
        self._invocations = invocations
        self._faults = faults
        self._background = background

    def announce(self, build: Mapping[str, Any]) -> None:
        """Send the event that tells the status of `build`; returns at once."""
        # Rules live in moto. Where its module was never needed there are none, and loading it takes a second.
        if "moto.events.models" not in sys.modules:
            return
        event = state_change(build, self._place)
        for target in self._targets(event):
            answer = self._faults.take("event", str(build["buildStatus"]))
            self._background.start(self._bring, target, event, answer)

    def _targets(self, event: Event) -> Iterator[Target]:
        from moto.events.models import events_backends

        backend: Any = events_backends[self._place.account_id][self._place.region]
        for rule in list(backend.event_buses["default"].rules.values()):
            # An empty pattern is one of a schedule, not one that everything matches.
            if rule.state == "ENABLED" and rule.event_pattern.get_pattern() and rule.event_pattern.matches_event(event):
                for members in list(rule.targets):
                    yield Target(rule.arn, members)

    def _bring(self, target: Target, event: Event, answer: Answer | None) -> None:
        kind = answer.kind if answer else ""
        if kind == "lost":
            return
        if answer and kind == "delay" and not self._background.wait(answer["seconds"]):
            return
        copies = answer["copies"] if answer and kind == "duplicate" else 0
        for _ in range(1 + copies):
            try:
                self._deliver(target, inputs.payload(target.members, event))
            except Undeliverable as failure:
                self._bury(target, event, failure)

    def _deliver(self, target: Target, payload: str) -> None:
        service = target.arn.split(":")[2]
        if service == "lambda":
            function = find(self._place, target.arn)
            if function is None:
                raise Undeliverable("NO_RESOURCE", f"Lambda function {target.arn} does not exist")
            self._check(function.policy, "lambda:InvokeFunction", target)
            self._invocations.submit(function.arn, payload)
        elif service == "sqs":
            self._check_queue(target.arn, target)
            send(self._clients.sqs, target.arn, payload, {})
        else:
            _log.warning("the emulator delivers no events to %s", target.arn)

    def _bury(self, target: Target, event: Event, failure: Undeliverable) -> None:
        """Put the event into the target's dead-letter queue, if it has one that lets EventBridge in."""
        queue = target.members.get("DeadLetterConfig", {}).get("Arn")
        _log.warning("event %s not delivered to %s: %s", event["id"], target.arn, failure)
        if queue is None:
            return
        try:
            self._check_queue(queue, target)
        except Undeliverable as refusal:
            _log.warning("event %s dropped: %s", event["id"], refusal)
            return
        attributes = {
            "RULE_ARN": target.rule_arn,
            "TARGET_ARN": target.arn,
            "ERROR_CODE": failure.code,
            "ERROR_MESSAGE": str(failure),
            "RETRY_ATTEMPTS": "0",
        }
        send(self._clients.sqs, queue, json.dumps(event), {name: ("String", text) for name, text in attributes.items()})

    def _check_queue(self, arn: str, target: Target) -> None:
        from moto.sqs.models import sqs_backends

        _, _, _, region, account_id, name = arn.split(":")
        queue = sqs_backends[account_id][region].queues.get(name)
        if queue is None:
            raise Undeliverable("NO_RESOURCE", f"SQS queue {arn} does not exist")
        self._check(json.loads(queue.policy or "{}"), "sqs:SendMessage", target)

    def _check(self, policy: Mapping[str, Any], action: str, target: Target) -> None:
        account_id = self._place.account_id
        if not lets_events_in(policy, action, rule_arn=target.rule_arn, account_id=account_id):
            text = f"the policy of the resource does not allow {action} to the rule {target.rule_arn}"
            raise Undeliverable("NO_PERMISSIONS", text)
