"""Runs that die after every change they make, and what the next run makes of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import requests
from botocore.httpsession import URLLib3Session
from onboarding_site import Site

WRITING = ("PutParameter", "DeleteParameter")


class Died(BaseException):
    """The process is gone; nothing catches this."""


class Reaper:
    """Lets the process die when its nth change has been made, whoever it was made at."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.at, self.seen = 0, 0
        gitlab, aws = requests.Session.send, URLLib3Session.send

        def to_gitlab(session: Any, request: Any, **options: Any) -> Any:
            answer = gitlab(session, request, **options)
            lint = request.url.endswith("/ci/lint")
            self._count(request.method != "GET" and not lint)
            return answer

        def to_aws(session: Any, request: Any) -> Any:
            answer = aws(session, request)
            target = request.headers.get("X-Amz-Target", b"")
            text = target.decode() if isinstance(target, bytes) else str(target)
            self._count(text.endswith(WRITING))
            return answer

        monkeypatch.setattr(requests.Session, "send", to_gitlab)
        monkeypatch.setattr(URLLib3Session, "send", to_aws)

    def _count(self, is_change: bool) -> None:
        self.seen += is_change
        if is_change and self.seen == self.at:
            raise Died

    def deaths(self, run: Callable[[], object]) -> Iterator[int]:
        """Let a run die after its first change, its second, and so on; the caller undoes what it has done."""
        for number in range(1, 30):
            self.at, self.seen = number, 0
            try:
                run()
            except Died:
                self.at = 0
                yield number
            else:
                self.at = 0
                assert number > 3
                return
        raise AssertionError("it never comes to its end")


@pytest.fixture
def reaper(monkeypatch: pytest.MonkeyPatch) -> Reaper:
    """Return what kills."""
    return Reaper(monkeypatch)


def settled(site: Site) -> None:
    """Assert that there is one of everything."""
    (trigger,) = site.triggers()
    assert site.value() == trigger.token
    assert f"token {trigger.id} " in site.described()["Description"]
    assert len(site.variables()) == 2
    assert len(site.requests()) == 1


def gone(site: Site) -> None:
    """Assert that nothing of ours is there."""
    assert (site.triggers(), site.described(), site.variables(), site.requests()) == ([], None, {}, [])
    assert [item.name for item in site.api.branches.list(get_all=True)] == ["main"]


@pytest.mark.e2e
def test_onboard_and_offboard_are_finished_by_the_next_run(new_site: Any, reaper: Reaper) -> None:
    """Wherever a run dies, the next one finishes it: nothing is there twice, and nothing stays behind."""
    site = new_site()
    for _ in reaper.deaths(site.onboard):
        site.onboard()
        settled(site)
        assert site.onboard().steps == []
        site.offboard()
        gone(site)
    for _ in reaper.deaths(site.offboard):
        site.offboard()
        gone(site)
        site.onboard()
    gone(site)


@pytest.mark.e2e
def test_a_rotation_is_finished_by_the_next_run(new_site: Any, reaper: Reaper) -> None:
    """A rotation that dies leaves a token that works; the next run, of either kind, leaves exactly one."""
    site = new_site()
    site.onboard()
    for number in reaper.deaths(lambda: site.onboard(rotate=True)):
        assert site.value() in {item.token for item in site.triggers()}
        site.onboard(rotate=bool(number % 2))
        settled(site)


@pytest.mark.parametrize("what", ["triggers", "variables", "repository/commits", "merge_requests"])
def test_a_lost_answer_makes_nothing_twice(new_site: Any, stage: Any, what: str) -> None:
    """Where GitLab has done it and the answer is lost, python-gitlab asks again, and there is one of everything."""
    site = new_site()
    lost = {"service": "gitlab", "operation": f"POST /projects/:project/{what}", "answers": ["lost_response"]}
    stage.faults(lost)
    site.onboard()
    settled(site)
    assert site.onboard().steps == []
