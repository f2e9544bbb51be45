"""How properties are tried: by chance at a desk, always the same way in CI, and never against a clock.

And what is begun first when several workers share the tests, so that none is left alone with a long one at the end.
"""

from __future__ import annotations

import os

import pytest
from hypothesis import settings

# A property that takes long on a busy machine has not failed, and a change is not to blame for what chance finds.
settings.register_profile("orchestrator", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("orchestrator")

# The longest first, each of a third of a minute or more; a worker takes whole files, and the next one early.
_LONG = (
    "test_terminal.py",
    "test_first_day.py",
    "test_hostile_refs.py",
    "test_second_implementation.py",
    "test_loop.py",
    "test_wait_deployment.py",
    "test_old_terraform.py",
    "test_deployment.py",
    "test_looking.py",
    "test_waiting.py",
    "test_compiled_example.py",
    "test_prebuild_crashes.py",
    "test_crash_points.py",
    "test_event_return.py",
    "test_platform.py",
    "test_operate_page.py",
    "test_wait_return.py",
    "test_scanner.py",
    "test_terraform_handback.py",
    "test_operating_screens.py",
    "test_interrupted.py",
    "test_packaging_phases.py",
    "test_terraform_modules.py",
    "test_assembled.py",
    "test_permissions.py",
    "test_door.py",
    "test_aws_terraform.py",
    "test_gitlab_git.py",
    "test_packaging_buildspec.py",
    "test_deploy_role.py",
    "test_soak.py",
)


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the others stay in their order."""
    ranks = {name: rank for rank, name in enumerate(_LONG)}
    items.sort(key=lambda item: ranks.get(item.path.name, len(_LONG)))
