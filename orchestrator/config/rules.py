"""All rules of `orchestrator check`, in the order in which they are told."""

from __future__ import annotations

from orchestrator.config.check_container import CONTAINER_RULES
from orchestrator.config.check_lambda import LAMBDA_RULES
from orchestrator.config.check_runtime import RUNTIME_RULES

RULES = (*LAMBDA_RULES, *CONTAINER_RULES, *RUNTIME_RULES)
