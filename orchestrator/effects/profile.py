"""The AWS profile of this machine, as far as it is known without asking AWS."""

from __future__ import annotations

from boto3.session import Session
from botocore.exceptions import BotoCoreError


def profile_region() -> str | None:
    """Return the region that the AWS profile names, None without one."""
    try:
        return Session().region_name
    except BotoCoreError:  # a profile that does not exist says nothing
        return None
