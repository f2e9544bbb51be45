"""Source that is older than the Python it is compiled for: what has been removed since, and how to see that."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from packaging.version import Version

from orchestrator.packaging.runtimes import Target

# https://docs.python.org/3/whatsnew/, "Removed": module → the first Python without it.
_REMOVED = {
    **dict.fromkeys(("formatter", "parser", "symbol"), "3.10"),
    "binhex": "3.11",
    **dict.fromkeys(("asynchat", "asyncore", "distutils", "imp", "smtpd"), "3.12"),
    **dict.fromkeys(("aifc", "audioop", "cgi", "cgitb", "chunk", "crypt", "imghdr", "lib2to3", "mailcap"), "3.13"),
    **dict.fromkeys(("msilib", "nis", "nntplib", "ossaudiodev", "pipes", "sndhdr", "spwd", "sunau"), "3.13"),
    **dict.fromkeys(("telnetlib", "uu", "xdrlib"), "3.13"),
}
# Headers that Python itself had beside `Python.h`; no system package brings them back.
_HEADERS = frozenset(
    ("Python-ast.h", "asdl.h", "code.h", "graminit.h", "longintrepr.h", "parsetok.h", "pyarena.h", "ucnhash.h")
)
_MODULE = re.compile(r"ModuleNotFoundError: No module named '(\w+)[\w.]*'")
_HEADER = re.compile(r"fatal error: ['\"]?([\w-]+\.h)['\"]?:? (?:No such file|file not found)")
_C_ERROR = re.compile(
    r"^(?P<said>[^\s:]+\.\w+:\d+:\d+: error: (?P<what>[^\n]*))(?:\n *\d* \|(?P<line>[^\n]*))?", re.MULTILINE
)
# In the words of gcc and clang: a function, a type or a member of the C interface.
_OF_PYTHON = re.compile(r"[\u2018'`]_?Py[A-Z_]\w*|[\u2018'`]struct _(?:ts|is|typeobject|longobject|frame)\b")
# Macros that were assigned to, and are functions now.
_ASSIGNED = re.compile(r"\bPy_(?:REFCNT|TYPE|SIZE)\(")
_SETUPTOOLS = re.compile(
    r"^.*(?:use_2to3 is invalid|cannot import name '\w+' from 'setuptools[\w.]*'|"
    r"module 'setuptools[\w.]*' has no attribute '\w+'|No module named '(?:pkg_resources|setuptools\.\w+)).*$",
    re.MULTILINE,
)
_EXCEPTION = re.compile(
    r"^(?:[A-Za-z_]\w*\.)*[A-Za-z_]\w*(?:Error|Exception|NotFound|Exit)\b(?::[^\n]*)?$", re.MULTILINE
)
_SHOWN_CHARACTERS = 200


def is_of_python(header: str) -> bool:
    """Tell whether a header was a part of Python itself once."""
    return header in _HEADERS


def was_removed(module: str, target: Target) -> bool:
    """Tell whether a module cannot be declared as a build requirement, because no project brings it any more."""
    top = module.partition(".")[0]
    return top in ("pkg_resources", "setuptools") or _is_gone(top, target)


def outdated(output: str, target: Target) -> Iterator[tuple[str, str]]:
    """Yield what in the output of a failed build shows that the source is too old, each with the advice."""
    python = f"Python {target.runtime.python}"
    advice = made_for(target)
    module = _MODULE.search(output)
    if module and _is_gone(module[1], target):
        yield f"its build script needs the module `{module[1]}`, which {python} no longer has", advice
    if found := _SETUPTOOLS.search(output):
        said = _shortened(found[0])
        yield f"its build script needs an older setuptools than those of today: {said}", "choose a newer version of it"
    header = next((name for name in _HEADER.findall(output) if is_of_python(name)), "")
    if header:
        yield f"its C code needs `{header}`, a part of Python that {python} no longer offers", advice
    elif found := next(filter(_is_interface, _C_ERROR.finditer(output)), None):
        yield f"its C code does not fit the C interface of {python}: {_shortened(found['said'])}", advice


def unnamed_python(output: str, named: Sequence[str], target: Target) -> Iterator[tuple[str, str]]:
    """Yield the exception that ended a build, if the source names only Pythons that are older than the target's.

    `named` are the versions in the metadata of the source.
    """
    exceptions = _EXCEPTION.findall(output)
    wanted = Version(target.python_version)
    if exceptions and named and all(Version(version) < wanted for version in named):
        # The first one: those below come from what has called it.
        said = _shortened(exceptions[0])
        yield (
            f"its build script ends with {said}\nits metadata names Python {', '.join(named)}, and not {wanted}",
            made_for(target),
        )


def made_for(target: Target) -> str:
    """Return the advice to take a newer version."""
    return f"choose a version that is made for Python {target.runtime.python}"


def _is_gone(module: str, target: Target) -> bool:
    return module in _REMOVED and Version(_REMOVED[module]) <= Version(target.python_version)


def _is_interface(found: re.Match[str]) -> bool:
    assigned = "lvalue required" in found["what"] and _ASSIGNED.search(found["line"] or "")
    return bool(assigned or _OF_PYTHON.search(found["what"]))


def _shortened(text: str) -> str:
    text = text.strip()
    return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"
