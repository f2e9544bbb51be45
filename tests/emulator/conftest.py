"""A whole emulator, AWS and GitLab, in this process."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from orchestrator.emulator.control import Running
from orchestrator.emulator.server import Emulator


@pytest.fixture(scope="session")
def whole_emulator(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    """Return both halves, served, with the door for faults."""
    directory = tmp_path_factory.mktemp("whole")
    emulator = Emulator(directory, region="eu-central-1", minute_seconds=0.1)
    yield Running(directory=directory, **emulator.start())
    emulator.close()
