"""Source that is older than the Python it is compiled for: told apart from what a system package would mend."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.explain import explain
from orchestrator.packaging.wheels.outdated import outdated, unnamed_python

TARGET = target_of("x86_64", "python3.13")

# Last words of real builds with Python 3.11 and 3.13, and what they mean.
WORDS = [
    ("c/_cffi_backend.c:405:23: error: lvalue required as left operand of assignment\n  405 |     Py_REFCNT(ct) = 43;",
     "its C code does not fit the C interface of Python 3.13: c/_cffi_backend.c:405:23"),
    ("coverage/ctracer/tracer.c:520:25: error: \u2018PyFrameObject\u2019 has no member named \u2018f_lasti\u2019",
     "its C code does not fit the C interface of Python 3.13"),
    ("a.c:1:2: error: too few arguments to function \u2018_PyLong_AsByteArray\u2019\n    1 | x", "_PyLong_AsByteArray"),
    ("a.c:1:2: error: use of undeclared identifier '_PyUnicode_Ready'", "_PyUnicode_Ready"),
    ("ast27/Include/compile.h:5:10: fatal error: code.h: No such file or directory", "`code.h`, a part of Python that"),
    ("ModuleNotFoundError: No module named 'imp'", "the module `imp`, which Python 3.13 no longer has"),
    ("ModuleNotFoundError: No module named 'lib2to3.refactor'", "`lib2to3`, which Python 3.13 no longer has"),
    ("ModuleNotFoundError: No module named 'pkg_resources'", "an older setuptools than those of today"),
    ("ImportError: cannot import name 'Feature' from 'setuptools' (/x/setuptools/__init__.py)", "an older setuptools"),
    ("error in rocket setup command: use_2to3 is invalid.", "an older setuptools"),
]  # fmt: skip


@pytest.mark.parametrize(("said", "meaning"), WORDS)
def test_what_python_no_longer_has_is_no_system_package(said: str, meaning: str) -> None:
    """One cause each, and the advice is another version."""
    (cause,) = explain(f"building '_x' extension\n{said}\nerror: Failed to build\n", TARGET, manager="dnf")
    assert meaning in cause.what
    assert cause.advice in ("choose a version that is made for Python 3.13", "choose a newer version of it")


@pytest.mark.parametrize(
    "said",
    [
        "ModuleNotFoundError: No module named 'numpy'",
        "a.c:1:2: error: unknown type name \u2018rocket_t\u2019\n    1 | PyObject *thrust(rocket_t x)",
        "a.c:1:10: fatal error: libpq-fe.h: No such file or directory",
        "warning: \u2018PyEval_InitThreads\u2019 is deprecated",
    ],
)
def test_other_failures_are_not_blamed_on_the_version(said: str) -> None:
    """A module nobody declared, an error in the project's own code and a missing library stay what they are."""
    assert list(outdated(said, TARGET)) == []


def test_a_module_that_is_still_there_is_not_removed() -> None:
    """What Python 3.11 still has, it has."""
    assert list(outdated("ModuleNotFoundError: No module named 'imp'", target_of("x86_64", "python3.11"))) == []


def test_an_exception_is_explained_by_the_pythons_that_the_metadata_names() -> None:
    """`pillow` 10.2.0 fails with a KeyError in its own setup.py, which says nothing; its metadata says it."""
    said = "Traceback (most recent call last):\n  File \"<string>\", line 28, in get_version\nKeyError: '__version__'\n"
    ((what, advice),) = unnamed_python(said, ("3.8", "3.12"), TARGET)
    assert "KeyError: '__version__'" in what
    assert "names Python 3.8, 3.12, and not 3.13" in what
    assert advice == "choose a version that is made for Python 3.13"
    assert not list(unnamed_python(said, ("3.12", "3.13"), TARGET))
    assert not list(unnamed_python(said, (), TARGET))
    assert not list(unnamed_python("no exception", ("3.8",), TARGET))


@given(st.text())
def test_any_output_can_mean_nothing(output: str) -> None:
    """Looking never fails."""
    list(outdated(output, TARGET))
    list(unnamed_python(output, ("3.8",), TARGET))
