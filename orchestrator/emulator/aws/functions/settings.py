"""Settings of a function that moto forgets, without which Terraform would want to change it for ever."""

from __future__ import annotations

import functools
from typing import Any

_KEPT = {
    "DeadLetterConfig": "dead_letter_config",
    "LoggingConfig": "logging_config",
    "TracingConfig": "tracing_config",
}


@functools.cache
def keep_settings() -> None:
    """Make moto keep dead-letter, logging and tracing settings, and one asynchronous configuration, the last."""
    from moto.awslambda import models

    known_class: Any = models.LambdaFunction
    backend_class: Any = models.LambdaBackend
    create, told, update = (
        known_class.__init__,
        known_class.get_configuration,
        known_class.update_configuration,
    )
    put = backend_class.put_function_event_invoke_config

    def created(self: Any, account_id: str, spec: dict[str, Any], *others: Any, **named: Any) -> None:
        self.dead_letter_config = None
        self.logging_config = _logging(spec["FunctionName"], {})
        create(self, account_id, spec, *others, **named)
        _set(self, spec)

    def configuration(self: Any, *others: Any, **named: Any) -> dict[str, Any]:
        known: dict[str, Any] = told(self, *others, **named)
        if self.dead_letter_config:
            known["DeadLetterConfig"] = self.dead_letter_config
        return known | {"LoggingConfig": self.logging_config}

    def updated(self: Any, updates: dict[str, Any]) -> dict[str, Any]:
        _set(self, updates)
        answer: dict[str, Any] = update(self, updates)
        return answer

    def put_one(self: Any, function_name: str, config: dict[str, Any]) -> dict[str, Any]:
        self.get_function(function_name).event_invoke_config = []
        answer: dict[str, Any] = put(self, function_name, config)
        return answer

    known_class.__init__ = created
    known_class.get_configuration = configuration
    known_class.update_configuration = updated
    backend_class.put_function_event_invoke_config = put_one


def _set(function: Any, given: dict[str, Any]) -> None:
    for member, attribute in _KEPT.items():
        if given.get(member) is None:
            continue
        value = given[member]
        if member == "LoggingConfig":
            value = _logging(function.function_name, value)
        if member == "DeadLetterConfig" and not value.get("TargetArn"):
            value = None
        setattr(function, attribute, value)


def _logging(name: str, given: dict[str, Any]) -> dict[str, Any]:
    return {"LogFormat": "Text", "LogGroup": f"/aws/lambda/{name}"} | given
