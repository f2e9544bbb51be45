"""The entry point that Lambda calls with each event."""

from __future__ import annotations

import os
import time
import traceback
from typing import Any

from orchestrator.errors import MachineryError, OrchestratorError
from orchestrator.gitlab_trigger import Pipeline, start_pipeline
from orchestrator.handback.bring_home import World, bring_home
from orchestrator.handback.build import Ended, read_build
from orchestrator.handback.dead_letters import bury
from orchestrator.handback.event import BuildId, build_id_of
from orchestrator.handback.log import Log
from orchestrator.handback.marker import Markers
from orchestrator.handback.settings import Settings, parse_settings
from orchestrator.handback.token import read_token
from orchestrator.patience import Patience

# Kept back from GitLab, to write the marker and the dead letter.
_RESERVE_SECONDS = 15.0
# Clocks of two machines may differ by this much.
_SKEW_SECONDS = 5.0


def handle(event: object, context: Any) -> dict[str, str]:
    """Bring the build of one event home; return what was done.

    Raises what a later attempt may mend, so that Lambda tries again, and after that its dead-letter queue takes over.
    What no attempt can mend is sent to the same queue here, at once, and is no error of the function. No output and
    no exception holds the token.
    """
    log = Log(str(getattr(context, "aws_request_id", "")))
    try:
        return _handled(event, context, log)
    except OrchestratorError as error:
        failure = log.cleaned(error)
        log.say("error", failure.what, detail=failure.detail, hint=failure.hint, exit_code=failure.exit_code)
    except Exception as error:  # noqa: BLE001 - the one boundary: whatever it is, it may quote the token
        log.say("error", "this is a bug of the function", traceback=traceback.format_exc())
        failure = OrchestratorError(f"this is a bug of the function: {type(error).__name__}")
    raise failure


def _handled(event: object, context: Any, log: Log) -> dict[str, str]:
    settings = parse_settings(os.environ)
    build = build_id_of(event, settings)
    try:
        outcome = bring_home(build, _world(settings, context, log))
    except MachineryError:
        raise
    except OrchestratorError as error:
        return _given_up(build, log.cleaned(error), settings, log)
    log.say("info", outcome.result, build_id=str(build), pipeline_id=outcome.pipeline_id)
    return {"build_id": str(build), "result": outcome.result, "pipeline_id": outcome.pipeline_id}


def _given_up(build: BuildId, error: OrchestratorError, settings: Settings, log: Log) -> dict[str, str]:
    bury(build, error, settings)
    log.say("error", error.what, detail=error.detail, hint=error.hint, exit_code=error.exit_code,
            build_id=str(build), result="refused")  # fmt: skip
    return {"build_id": str(build), "result": "refused", "error": str(error)}


def _world(settings: Settings, context: Any, log: Log) -> World:
    def remaining_seconds() -> float:
        return float(context.get_remaining_time_in_millis()) / 1000

    def call(ended: Ended) -> Pipeline:
        token = log.hide(read_token(settings.gate.token_parameter, settings.region))
        patience = Patience(lambda: remaining_seconds() - _RESERVE_SECONDS, time.sleep)
        return start_pipeline(settings.gate, token, ended.ref, str(ended.id), patience)

    return World(
        read=lambda build: read_build(build, settings.region),
        markers=Markers(settings),
        call=call,
        lease_seconds=lambda: remaining_seconds() + _SKEW_SECONDS,
        log=log,
    )
