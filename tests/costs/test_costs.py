"""What builds cost: figures that can be explained, and none that is a guess."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from world import make, record

from orchestrator.costs.estimate import billed_seconds, estimate, estimate_of_plan, in_words, money
from orchestrator.costs.prices import Prices, as_of, machine_name, on_x86
from orchestrator.errors import ConfigurationError
from orchestrator.records import PhaseRecord

BEGIN = datetime(2026, 5, 4, 12, 0, 0, tzinfo=timezone.utc)
VIRGINIA = Prices("us-east-1")
US = "project: demo\nregion: us-east-1\npackages: {parser: {}}\n"


@pytest.mark.parametrize(
    ("kind", "size", "name", "twin"),
    [
        ("ARM_CONTAINER", "BUILD_GENERAL1_SMALL", "arm1.small", "general1.small"),
        ("LINUX_CONTAINER", "BUILD_GENERAL1_2XLARGE", "general1.2xlarge", ""),
        ("ARM_LAMBDA_CONTAINER", "BUILD_LAMBDA_2GB", "lambda.arm.2GB", "lambda.x86.2GB"),
        ("LINUX_LAMBDA_CONTAINER", "BUILD_LAMBDA_10GB", "lambda.x86.10GB", ""),
        ("LINUX_GPU_CONTAINER", "BUILD_GENERAL1_SMALL", "gpu1.small", ""),
        ("ARM_EC2", "BUILD_GENERAL1_SMALL", "", ""),
        ("ARM_CONTAINER", "BUILD_LAMBDA_2GB", "", ""),
        ("ARM_LAMBDA_CONTAINER", "BUILD_GENERAL1_SMALL", "", ""),
        ("ARM_CONTAINER", "CUSTOM_INSTANCE_TYPE", "", ""),
        ("", "", "", ""),
    ],
)
def test_machines_have_the_names_of_the_price_list(kind: str, size: str, name: str, twin: str) -> None:
    """Every machine that is paid by the minute has its name and its x86 twin; all others have none."""
    assert machine_name(kind, size) == name
    assert on_x86(name) == twin


@pytest.mark.parametrize(
    ("machine", "seconds", "billed"),
    [
        ("arm1.small", 0, 0),
        ("arm1.small", 0.2, 60),
        ("arm1.small", 60, 60),
        ("arm1.small", 60.1, 120),
        ("lambda.arm.1GB", 60.1, 61),
        ("lambda.x86.1GB", 0.2, 1),
    ],
)
def test_begun_units_are_paid_whole(machine: str, seconds: float, billed: int) -> None:
    """Containers are paid by the minute, Lambda compute by the second, rounded up."""
    assert billed_seconds(machine, seconds) == billed


@given(st.floats(0, 200_000))
def test_rounding_never_loses_a_unit(seconds: float) -> None:
    """What is billed is never less than what was used, and less than one unit more."""
    assert seconds <= billed_seconds("arm1.small", seconds) < seconds + 60.001
    assert seconds <= billed_seconds("lambda.arm.1GB", seconds) < seconds + 1.001


def test_a_build_on_arm_is_compared_with_x86() -> None:
    """The estimate names machine, price and date, and what the same minutes on x86 would cost."""
    built = record(
        machine="ARM_CONTAINER", size="BUILD_GENERAL1_SMALL", started=BEGIN, ended=BEGIN + timedelta(seconds=130)
    )
    found = estimate(built, VIRGINIA, BEGIN)
    assert found is not None
    assert found.dollars == Decimal("0.0102")
    assert found.dollars_on_x86 == Decimal("0.015")
    assert in_words(found) == (
        f"about $0.0102, arm1.small at $0.0034 a minute (prices of {as_of()}); "
        "the same minutes on general1.small would be $0.015"
    )


def test_a_running_build_costs_what_it_has_used_without_its_time_in_the_queue() -> None:
    """The cost of a build that runs grows with it; no machine waits in the queue."""
    phases = (PhaseRecord("QUEUED", "SUCCEEDED", 300), PhaseRecord("BUILD", "", None))
    built = record(machine="ARM_CONTAINER", size="BUILD_GENERAL1_SMALL", started=BEGIN, phases=phases, complete=False)
    found = estimate(built, VIRGINIA, BEGIN + timedelta(seconds=330))
    assert found is not None
    assert found.billed_seconds == 60


def test_a_build_that_still_waits_in_the_queue_costs_nothing() -> None:
    """The queue has no length yet while a build is in it; an hour there is none of a machine."""
    phases = (PhaseRecord("SUBMITTED", "SUCCEEDED", 0), PhaseRecord("QUEUED", "", None, began=BEGIN))
    built = record(machine="ARM_CONTAINER", size="BUILD_GENERAL1_SMALL", started=BEGIN, phases=phases, complete=False)
    found = estimate(built, VIRGINIA, BEGIN + timedelta(hours=1))
    assert found is not None
    assert found.billed_seconds == 0


@pytest.mark.parametrize(
    ("region", "machine", "size", "fleet"),
    [
        ("mars-north-1", "ARM_CONTAINER", "BUILD_GENERAL1_SMALL", False),
        ("us-east-1", "ARM_CONTAINER", "BUILD_GENERAL1_MEDIUM", False),
        ("us-east-1", "ARM_CONTAINER", "BUILD_GENERAL1_SMALL", True),
        ("us-east-1", "", "", False),
    ],
)
def test_what_is_not_known_is_not_guessed(region: str, machine: str, size: str, fleet: bool) -> None:
    """Without a price for this region and machine, and on a fleet, there is no figure."""
    built = record(machine=machine, size=size, started=BEGIN, ended=BEGIN + timedelta(minutes=1))
    found = estimate(built, Prices(region), BEGIN, fleet=fleet)
    assert found is None
    assert in_words(found) == ""


def test_a_build_without_a_begin_has_no_cost() -> None:
    """CodeBuild may leave out when a build began."""
    assert estimate(record(machine="ARM_CONTAINER", size="BUILD_GENERAL1_SMALL"), VIRGINIA, BEGIN) is None


def test_own_prices_come_first() -> None:
    """`prices` of orchestrator.yml fills gaps of the table and replaces what stands there."""
    prices = Prices("us-east-1", {"arm1.small": Decimal("0.001"), "arm1.medium": Decimal("0.002")})
    small, medium = prices.of("arm1.small"), prices.of("arm1.medium")
    assert small is not None
    assert (small.per_minute, small.as_of) == (Decimal("0.001"), "")
    assert medium is not None
    item = make("project: demo\nregion: us-east-1\npackages: {parser: {build: {compute: medium}}}\n").builds[0]
    planned = estimate_of_plan(item, 61, prices)
    assert planned is not None
    assert planned.dollars == Decimal("0.004")


@pytest.mark.parametrize(
    ("dollars", "text"),
    [("0", "$0.00"), ("0.0034", "$0.0034"), ("0.5", "$0.50"), ("12", "$12.00"), ("1e-5", "$0.00")],
)
def test_money_has_cents_and_smaller_parts(dollars: str, text: str) -> None:
    """Whole cents stand with two places, less than a cent with up to four."""
    assert money(Decimal(dollars)) == text


@pytest.mark.parametrize(
    "text",
    [
        "{}",
        "{arm1.small: {per_minute: 0.0034}}",
        "{lambda.x86.10GB: {per_minute: 1}, general1.2xlarge: {per_minute: 0}}",
    ],
)
def test_prices_may_be_configured(text: str) -> None:
    """Prices stand in orchestrator.yml under the names of the price list, as numbers with or without a point."""
    assert make(f"{US}prices: {text}\n")


def test_prices_change_no_settings() -> None:
    """A price is shown and decides nothing: plans with and without are equal."""
    assert make(US) == make(f"{US}prices: {{arm1.small: {{per_minute: 9}}}}\n")


@pytest.mark.parametrize(
    "text", ["-1", "1e3", ".inf", ".nan", "yes", "'0.5'", "1001", "0x10", "1_000.5", "null", "[1]"]
)
def test_what_is_no_price_is_refused(text: str) -> None:
    """A price is digits with a point: nothing that YAML reads in another way becomes one."""
    with pytest.raises(ConfigurationError, match=r"prices\.arm1\.small\.per_minute"):
        make(f"{US}prices: {{arm1.small: {{per_minute: {text}}}}}\n")


@pytest.mark.parametrize("name", ["small", "arm1.tiny", "lambda.arm.3GB", "ARM1.small", "general1"])
def test_what_is_no_machine_has_no_price(name: str) -> None:
    """Names of machines are those of the price list."""
    with pytest.raises(ConfigurationError, match="expected a machine such as"):
        make(f"{US}prices: {{{name}: {{per_minute: 1}}}}\n")
