"""One plan, made once: the root with every feature on, and the roles of its pipeline."""

from __future__ import annotations

import pytest
from planned import Planned, plan_everything


@pytest.fixture(scope="session")
def planned(tmp_path_factory: pytest.TempPathFactory) -> Planned:
    """Return the plan."""
    return plan_everything(tmp_path_factory.mktemp("planned"))


@pytest.fixture(scope="session")
def apply(planned: Planned) -> str:
    """Return the policy of the role that prebuild takes."""
    return str(planned.resources["module.roles.aws_iam_role_policy.apply"]["policy"])


@pytest.fixture(scope="session")
def deploy(planned: Planned) -> str:
    """Return the policy of the role that the jobs `test` and `deploy` take."""
    return str(planned.resources['module.roles.aws_iam_role_policy.deploy["deploy"]']["policy"])


@pytest.fixture(scope="session")
def start(planned: Planned) -> str:
    """Return the policy of the role that the jobs `build` and `postbuild` take."""
    return str(planned.resources["module.roles.aws_iam_role_policy.start"]["policy"])
