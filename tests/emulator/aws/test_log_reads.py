"""Reading logs, as strict as CloudWatch Logs."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def logs(aws: Any) -> Any:
    """Return a client, with the group `/reads` and its stream `there`."""
    client = aws.client("logs")
    client.create_log_group(logGroupName="/reads")
    client.create_log_stream(logGroupName="/reads", logStreamName="there")
    return client


@pytest.mark.parametrize(
    ("names", "code"),
    [
        (["there", "not"], "ResourceNotFoundException"),
        (["there"] * 101, "InvalidParameterException"),
    ],
    ids=["a stream that is not there", "too many streams"],
)
def test_filtering_names_streams_that_exist(logs: Any, names: list[str], code: str) -> None:
    """One name too many, or of nothing, refuses the request."""
    with pytest.raises(ClientError) as refused:
        logs.filter_log_events(logGroupName="/reads", logStreamNames=names)
    assert refused.value.response["Error"]["Code"] == code


def test_the_newest_megabyte_comes_first_from_the_end(logs: Any) -> None:
    """Read from the end, a piece is the last of the log, and the token before it gives the rest."""
    import time

    logs.create_log_stream(logGroupName="/reads", logStreamName="long")
    now = int(time.time() * 1000)
    for begin in (0, 40):
        events = [{"timestamp": now + at, "message": f"{at:02} {'x' * 20_000}"} for at in range(begin, begin + 40)]
        logs.put_log_events(logGroupName="/reads", logStreamName="long", logEvents=events)
    place = {"logGroupName": "/reads", "logStreamName": "long"}
    last = logs.get_log_events(**place)
    assert last["events"][-1]["message"].startswith("79")
    assert len(last["events"]) < 60
    before = logs.get_log_events(**place, nextToken=last["nextBackwardToken"])
    assert len(before["events"]) + len(last["events"]) == 80
