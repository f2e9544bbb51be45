"""What Terraform really asks AWS for, compared with what the role `apply` of the pipeline may do."""

from __future__ import annotations

import pytest
from conftest import Shop
from iam import asked_for
from planned import EVERY_CALL, apply_actions

from orchestrator.emulator import faults

pytestmark = pytest.mark.e2e
# The function and what belongs to it: tests/contract/test_terraform_handback.py.
OF_THE_FUNCTION = ("cloudwatch:", "events:", "lambda:", "logs:AssociateKmsKey", "logs:DisassociateKmsKey", "sqs:")
# What these steps do not come to: a boundary that is set later, a trust or a description that changes, tags that are
# taken away, the state in S3. `iam:PassRole` is no call of its own.
# S3 asks for the key of a bucket by itself, where there is one.
UNSEEN = {
    "kms:Decrypt",
    "kms:GenerateDataKey",
    "iam:PassRole",
    "iam:PutRolePermissionsBoundary",
    "iam:UntagRole",
    "iam:UpdateAssumeRolePolicy",
    "iam:UpdateRoleDescription",
    "logs:UntagResource",
    "s3:DeleteObject",
}


def test_prebuild_asks_for_what_its_role_may_do(shop: Shop) -> None:
    """A first apply, then a change with one package less: every call is permitted, and what is permitted is used."""
    boundary = "permissions_boundary: arn:aws:iam::123456789012:policy/orchestrator/shop-bound\n"
    first = shop.files()["orchestrator.yml"] + boundary
    steps = [
        first.replace("packages:\n", "packages:\n  other: {source: src}\n"),
        first.replace("timeout_minutes: 5", "timeout_minutes: 6, log_retention_days: 7") + "tags: {team: shop}\n",
    ]
    with faults.injected(shop.running, EVERY_CALL) as journal:
        for configuration in steps:
            (shop.folder / "orchestrator.yml").write_text(configuration)
            outcome = shop.orchestrator("prebuild")
            assert outcome.returncode == 0, outcome.stderr
        asked = asked_for(journal())
    assert asked <= apply_actions()
    assert {name for name in apply_actions() - asked if not name.startswith(OF_THE_FUNCTION)} == UNSEEN
