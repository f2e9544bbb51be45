"""Which wheels a target can load, by their names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.packaging.lock.target_tags import described, marker_environment, target_tags, wheel_rank
from orchestrator.packaging.runtimes import target_of

AL2 = target_of("arm64", "python3.11")
AL2_X86 = target_of("x86_64", "python3.11")
AL2023 = target_of("arm64", "python3.13")


@pytest.mark.parametrize(
    ("tag", "fits"),
    [
        ("py3-none-any", (True, True, True)),
        ("py2.py3-none-any", (True, True, True)),
        ("py2-none-any", (False, False, False)),
        ("cp311-cp311-manylinux_2_17_aarch64.manylinux2014_aarch64", (True, False, False)),
        ("cp311-cp311-manylinux_2_26_aarch64", (True, False, False)),
        ("cp311-cp311-manylinux_2_27_aarch64", (False, False, False)),
        ("cp311-cp311-manylinux_2_27_aarch64.manylinux_2_17_aarch64", (True, False, False)),
        ("cp313-cp313-manylinux_2_34_aarch64", (False, False, True)),
        ("cp313-cp313-manylinux_2_35_aarch64", (False, False, False)),
        ("cp313-cp313t-manylinux_2_17_aarch64", (False, False, False)),
        ("cp37-abi3-manylinux_2_17_aarch64", (True, False, True)),
        ("cp312-abi3-manylinux_2_17_aarch64", (False, False, True)),
        ("cp311-cp311-musllinux_1_2_aarch64", (False, False, False)),
        ("cp311-cp311-manylinux1_x86_64", (False, True, False)),
        ("cp311-cp311-manylinux2010_x86_64", (False, True, False)),
        ("cp311-cp311-manylinux_2_5_aarch64", (False, False, False)),
        ("cp311-cp311-linux_aarch64", (True, False, False)),
        ("cp311-cp311-win_amd64", (False, False, False)),
        ("cp311-cp311-macosx_11_0_arm64", (False, False, False)),
        ("py3-none-manylinux2014_aarch64", (True, False, True)),
        ("pp311-pypy311_pp73-manylinux_2_17_aarch64", (False, False, False)),
    ],
)
def test_only_what_the_target_loads_fits(tag: str, fits: tuple[bool, bool, bool]) -> None:
    """The C library, the architecture, the Python and its kind decide, also for the older names of manylinux."""
    name = f"demo-1.0-{tag}.whl"
    assert tuple(wheel_rank(name, target) is not None for target in (AL2, AL2_X86, AL2023)) == fits


def test_the_best_wheel_is_the_most_specific() -> None:
    """A wheel for this Python and a newer C library comes before abi3, before pure, before an unchecked promise."""
    ordered = [
        "cp313-cp313-manylinux_2_34_aarch64",
        "cp313-cp313-manylinux_2_17_aarch64",
        "cp313-cp313-linux_aarch64",
        "cp39-abi3-manylinux_2_34_aarch64",
        "py3-none-any",
    ]
    ranks = [wheel_rank(f"demo-1-{tag}.whl", AL2023) for tag in ordered]
    assert ranks == sorted(ranks, key=lambda rank: rank if rank is not None else 10**6)
    assert None not in ranks


@given(st.text(max_size=40))
def test_any_name_is_judged(text: str) -> None:
    """No file name of an index makes the choice fail."""
    assert wheel_rank(f"{text}.whl", AL2) is None or "-" in text


def test_the_target_has_no_duplicate_tags() -> None:
    """The list is what `Pylock.select` expects: best first, each tag once."""
    tags = target_tags(AL2023)
    assert len(tags) == len(set(tags)) > 100
    assert described(AL2) == "glibc <= 2.26 on aarch64 / cp311"
    assert marker_environment(AL2)["python_full_version"].startswith("3.11.")
