"""What a build costs, as far as its duration and a price tell: never a bill, and no figure rather than a guess."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from math import ceil

from orchestrator.costs.prices import Price, Prices, machine_name, on_x86
from orchestrator.plan.model import BuildPlan
from orchestrator.records import BuildRecord, PhaseRecord

_MINUTE_SECONDS = 60
# A tenth of a cent and less is still told apart.
_PLACES = Decimal("0.0001")


@dataclass(frozen=True)
class Estimate:
    """US dollars for a build: the price of its machine, and the seconds that are paid for.

    `x86` is the price of the same size with an x86 processor, for a build on ARM where it is known.
    """

    price: Price
    billed_seconds: int
    x86: Price | None = None

    @property
    def dollars(self) -> Decimal:
        """What the build costs, without the free minutes of an account."""
        return _dollars(self.price, self.billed_seconds)

    @property
    def dollars_on_x86(self) -> Decimal | None:
        """What the same minutes on x86 would cost; the build could take longer or shorter there."""
        return _dollars(self.x86, self.billed_seconds) if self.x86 else None


def billed_seconds(machine: str, seconds: float) -> int:
    """Return the seconds that are paid for: containers by the minute, Lambda compute by the second, begun ones whole.

    Source: https://aws.amazon.com/codebuild/pricing/.
    """
    whole = max(0, ceil(seconds))
    return whole if machine.startswith("lambda.") else ceil(whole / _MINUTE_SECONDS) * _MINUTE_SECONDS


def estimate(record: BuildRecord, prices: Prices, now: datetime, *, fleet: bool = False) -> Estimate | None:
    """Return what a build costs, or has cost until now; None without a price or a begin, and on a fleet.

    The time in the queue is left out: no machine waits there.
    """
    seconds = duration_seconds(record, now)
    if fleet or seconds is None:
        return None
    queued = sum(_phase_seconds(phase, record.ended or now) for phase in record.phases if phase.name == "QUEUED")
    return _estimate(machine_name(record.machine, record.size), max(0.0, seconds - queued), prices)


def estimate_of_plan(item: BuildPlan, seconds: float, prices: Prices) -> Estimate | None:
    """Return what a build of the plan would cost that takes so many seconds; None without a price, and on a fleet."""
    if item.fleet:
        return None
    return _estimate(machine_name(item.environment_type, item.compute_type), seconds, prices)


def duration_seconds(record: BuildRecord, now: datetime) -> float | None:
    """Return how long a build took, or has been running; None for one whose begin is not known."""
    if record.started is None:
        return None
    return max(0.0, ((record.ended or now) - record.started).total_seconds())


def money(dollars: Decimal) -> str:
    """Return dollars as people read them: cents, and smaller parts where there are any."""
    rounded = dollars.quantize(_PLACES)
    text = f"{rounded:f}".rstrip("0")
    whole, _, part = text.partition(".")
    return f"${whole}.{part:0<2}"


def in_words(found: Estimate | None) -> str:
    """Return an estimate with where it comes from, and what x86 would cost; an empty text for none."""
    if found is None:
        return ""
    source = f"prices of {found.price.as_of}" if found.price.as_of else "`prices` of orchestrator.yml"
    text = f"about {money(found.dollars)}, {found.price.machine} at ${found.price.per_minute:f} a minute ({source})"
    other = found.dollars_on_x86
    if other is None or found.x86 is None:
        return text
    return f"{text}; the same minutes on {found.x86.machine} would be {money(other)}"


def _phase_seconds(phase: PhaseRecord, now: datetime) -> float:
    """Return how long a phase took, or has taken until now."""
    if phase.seconds is not None:
        return phase.seconds
    return max(0.0, (now - phase.began).total_seconds()) if phase.began else 0.0


def _estimate(machine: str, seconds: float, prices: Prices) -> Estimate | None:
    price = prices.of(machine) if machine else None
    if price is None:
        return None
    return Estimate(price, billed_seconds(machine, seconds), prices.of(on_x86(machine)))


def _dollars(price: Price, seconds: int) -> Decimal:
    return price.per_minute * seconds / _MINUTE_SECONDS
