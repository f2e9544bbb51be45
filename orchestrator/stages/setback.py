"""A build that ended by no fault of its own: CodeBuild had a fault, or its role was not known yet."""

from __future__ import annotations

import re
from datetime import timedelta
from enum import Enum

from orchestrator.records import BuildRecord, ProjectRecord
from orchestrator.vocabulary import BuildStatus

# What runs before the first command of a buildspec (CodeBuild API: BuildPhase).
_BEFORE_USER = {"SUBMITTED", "QUEUED", "PROVISIONING", "DOWNLOAD_SOURCE"}
_USER = {"INSTALL", "PRE_BUILD", "BUILD", "POST_BUILD"}
# What CodeBuild says of a role or policy that is not known yet, and of one that is wrong (CodeBuild user guide:
# troubleshooting): the code alone, or a code that has other causes with these words.
_ROLE_CODE = "ACCESS_DENIED"
_CLIENT_CODES = {"CLIENT_ERROR", "VPC_CLIENT_ERROR"}
_ROLE_WORDS = re.compile(r"not authorized|does not allow|AccessDenied|access denied|sts:AssumeRole", re.IGNORECASE)
# Every apply that changes a role also writes the settings digest onto the project, after the role: so the project's
# last change tells how old the role is at least.
_ROLE_IS_NEW = timedelta(minutes=5)
ROLE_HINT = (
    "either AWS had not made a new role of the project known yet, then run a new pipeline; or the role lacks what it "
    "was refused, then compare it with the plan of `orchestrator prebuild`"
)


class Setback(Enum):
    """Why a build may be worth another attempt."""

    FAULT = "CodeBuild had a fault"
    ROLE = "its role was not known yet"


def setback(record: BuildRecord) -> Setback | None:
    """Return what kept a build from its work, None for one that runs or has ended by itself."""
    if not record.complete:
        return None
    if record.status == BuildStatus.FAULT:
        return Setback.FAULT
    failed = record.failed_phase
    if record.status != BuildStatus.FAILED or failed is None or user_phase_ran(record):
        return None
    codes = set(failed.code.split())
    denied = _ROLE_CODE in codes or bool(codes & _CLIENT_CODES and _ROLE_WORDS.search(failed.message))
    return Setback.ROLE if denied and failed.name in _BEFORE_USER else None


def user_phase_ran(record: BuildRecord) -> bool:
    """Tell whether any command of the buildspec may have run."""
    return any(phase.name in _USER for phase in record.phases)


def role_was_new(record: BuildRecord, project: ProjectRecord) -> bool:
    """Tell whether the role of the project was changed so shortly before the build that it may not have been known."""
    if record.started is None or project.modified is None:
        return False
    return record.started - project.modified < _ROLE_IS_NEW


def worth_another(record: BuildRecord, project: ProjectRecord) -> Setback | None:
    """Return the setback that another attempt may mend: any fault, and a role if it was new."""
    found = setback(record)
    return None if found is Setback.ROLE and not role_was_new(record, project) else found
