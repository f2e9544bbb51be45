"""The way from the text of a CI file to its `Config`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestrator.emulator.gitlab.ci.errors import ConfigError
from orchestrator.emulator.gitlab.ci.includes import Includer
from orchestrator.emulator.gitlab.ci.merge import extend_all, resolve_references
from orchestrator.emulator.gitlab.ci.model import Config
from orchestrator.emulator.gitlab.ci.normalise import normalise
from orchestrator.emulator.gitlab.ci.rules import Context
from orchestrator.emulator.gitlab.ci.sources import Place, Sources


def read_config(
    text: str,
    place: Place,
    name: str,
    *,
    sources: Sources,
    context: Context,
    inputs: Mapping[str, Any],
    lenient: bool = False,
) -> Config:
    """Return the configuration of a pipeline with everything it includes.

    `inputs` are those of the pipeline itself; `lenient` reads their texts by declared type, because forms
    carry texts only. Raises `ConfigError` with all problems that one step finds.
    """
    includer = Includer(sources, context)
    try:
        merged = includer.load(text, place, name, inputs, lenient=lenient)
        resolved = resolve_references(extend_all(merged))
        return normalise(resolved, includer.fetched)
    except RecursionError:
        raise ConfigError("the configuration is nested too deep") from None
