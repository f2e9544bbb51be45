"""Every requirement file of a folder, made into a package for both architectures and two runtimes.

Each case runs `orchestrator package build` and ends in a finished, inspected zip, or in a named reason why there is
none. What has no wheel is compiled where this machine is the target. Prints a line for each case as it ends, then a
table and the counts. Ends with 1 if a case ended in anything without a name: a crash, a time-out, a compiler that was
not understood.

    python benchmarks/requirement_sets.py FOLDER [--plan] [--jobs 2] [--runtime python3.11] [--only TEXT]

With `--plan` nothing is made: `orchestrator package plan` says what would have to be done for each dependency.
"""

from __future__ import annotations

import argparse
import collections
import json
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

ARCHITECTURES = ("arm64", "x86_64")
RUNTIMES = ("python3.11", "python3.13")
UNNAMED = "unnamed"
_CLEANUP_SECONDS = 60
# What the first line of an error looks like, and what kind of reason it is. A failure that fits none has no name.
_REASONS = (
    ("contradiction", re.compile(r"the requirements cannot be had .*No solution found", re.DOTALL)),
    ("impossible", re.compile(r"not to be had for ")),
    ("other machine", re.compile(r".* has to be compiled, which is not possible here")),
    ("compile", re.compile(r".* (?:does not compile for|came out without its machine code)")),
    ("newer glibc", re.compile(r".* was compiled for a newer system than ")),
    ("wheel refused", re.compile(r"the wheel of .* does not match its RECORD")),
    ("download", re.compile(r"what .* needs to be built cannot be downloaded")),
    ("too large", re.compile(r"the package is larger than Lambda takes")),
    ("finding", re.compile(r".* cannot run on ")),
    ("index", re.compile(r".*(?:error sending request|dns error)", re.DOTALL)),
    ("requirement file", re.compile(r"a required |`[^`]+` in a requirement file is not supported")),
)
_UNEXPLAINED = "the lines above say what its build script misses"


@dataclass(frozen=True)
class Case:
    """One requirement file for one target."""

    file: Path
    runtime: str
    architecture: str

    def __str__(self) -> str:
        return f"{self.file.stem:72}  {self.runtime:10}  {self.architecture:6}"


@dataclass(frozen=True)
class Outcome:
    """How a case ended: `package`, a kind of reason, or `unnamed`; what was said, and the sizes of the package."""

    case: Case
    kind: str
    seconds: float
    said: tuple[str, ...]

    def __str__(self) -> str:
        return f"{self.case}  {self.seconds:7.1f} s  {self.kind:16}  {self.said[0] if self.said else ''}"


def ended(command: Sequence[str | Path], directory: Path, timeout_seconds: float) -> tuple[int | None, str, str]:
    """Run a command; return its exit code (None if it did not end in time) and what it wrote to both streams."""
    with subprocess.Popen(
        [str(word) for word in command],
        cwd=directory,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        errors="replace",
    ) as process:
        try:
            output, errors = process.communicate(timeout=timeout_seconds)
        except subprocess.TimeoutExpired:
            # It ends the compilers that it has started itself, if it is asked to.
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                output, errors = process.communicate(timeout=_CLEANUP_SECONDS)
                return None, output, errors
            process.kill()
            return (None, *process.communicate())
        return process.returncode, output, errors


def reason(code: int | None, errors: str) -> tuple[str, tuple[str, ...]]:
    """Return the kind of a failure and its lines, from what was written to the error stream."""
    if code is None:
        return UNNAMED, ("it did not end in time", *errors.splitlines()[-5:])
    _, _, message = f"\n{errors}".partition("\nerror: ")
    lines = tuple(line for line in message.splitlines() if line.strip())
    kinds = (kind for kind, pattern in _REASONS if pattern.match(message))
    kind = next(kinds, UNNAMED)
    hinted = any(line.startswith("hint: ") for line in lines) and _UNEXPLAINED not in message
    return (kind if hinted and code in (1, 2, 3, 5) else UNNAMED), lines or (f"exit {code} without a word",)


def made(case: Case, options: argparse.Namespace) -> Outcome:
    """Make the package of a case; the zip is thrown away unless the caller wants to keep it."""
    begin = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="requirement-sets-") as scratch:
        package = (options.keep or Path(scratch)) / f"{case.file.stem}-{case.runtime}-{case.architecture}.zip"
        words = [*_command("build", case), "--output", package, "--json"]
        words += ["--cache", options.cache] if options.cache else []
        code, output, errors = ended(words, case.file.parent, options.timeout)
        if code != 0:
            return Outcome(case, *_with_time(reason(code, errors), begin))
        return Outcome(case, "package", time.monotonic() - begin, (_sizes(json.loads(output), package),))


def planned(case: Case, options: argparse.Namespace) -> Outcome:
    """Plan a case: all wheels, something to compile, or the reasons why something cannot be had."""
    begin = time.monotonic()
    code, output, errors = ended([*_command("plan", case), "--json"], case.file.parent, options.timeout)
    target = json.loads(output)["targets"][0] if output else None
    if target is None or target["error"]:
        text = f"error: {target['error']}" if target else errors
        return Outcome(case, *_with_time(reason(code, text), begin))
    packages = target["packages"]
    counts = collections.Counter(package["verdict"] for package in packages)
    kind = next((verdict for verdict in ("impossible", "compile") if counts[verdict]), "wheels")
    named = [f"{each['name']} {each['version']}: {each['reason']}" for each in packages if each["verdict"] == kind]
    said = ", ".join(f"{count} {verdict}" for verdict, count in sorted(counts.items()))
    return Outcome(case, kind, time.monotonic() - begin, (said, *named))


def _command(verb: str, case: Case) -> list[str | Path]:
    words: list[str | Path] = [sys.executable, "-m", "orchestrator", "package", verb, "--requirements", case.file]
    return [*words, "--runtime", case.runtime, "--architecture", case.architecture]


def _with_time(found: tuple[str, tuple[str, ...]], begin: float) -> tuple[str, float, tuple[str, ...]]:
    return found[0], time.monotonic() - begin, found[1]


def _sizes(manifest: dict[str, object], package: Path) -> str:
    packages = manifest["packages"]
    compiled = manifest["compiled"]
    assert isinstance(packages, list)  # noqa: S101 - it is our own document
    assert isinstance(compiled, list)  # noqa: S101
    assert package.stat().st_size == manifest["size_bytes"]  # noqa: S101
    unzipped = int(str(manifest["unzipped_bytes"])) / 1_000_000
    names = f", compiled {len(compiled)}: {' '.join(compiled)}" if compiled else ""
    return f"{package.stat().st_size / 1_000_000:.1f} MB, {unzipped:.1f} MB unzipped, {len(packages)} wheels{names}"


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--plan", action="store_true", help="only plan, and make nothing")
    parser.add_argument("--runtime", action="append", help=f"default: {' and '.join(RUNTIMES)}")
    parser.add_argument("--architecture", action="append", choices=ARCHITECTURES)
    parser.add_argument("--only", default="", help="take only files whose name contains this")
    parser.add_argument("--jobs", type=int, default=2, help="cases at a time")
    parser.add_argument("--timeout", type=float, default=1800, help="seconds for one case")
    parser.add_argument("--cache", type=Path, help="downloads and compiled wheels; default: that of the command")
    parser.add_argument("--keep", type=Path, help="leave the packages in this folder")
    parser.add_argument("--quiet", action="store_true", help="one line for each case")
    options = parser.parse_args()
    options.cache = options.cache and options.cache.absolute()
    options.keep = options.keep and options.keep.absolute()
    return options


def _cases(options: argparse.Namespace) -> list[Case]:
    files = sorted(path for path in options.folder.absolute().glob("*.txt") if options.only in path.name)
    return [
        Case(file, runtime, architecture)
        for file in files
        for runtime in options.runtime or RUNTIMES
        for architecture in options.architecture or ARCHITECTURES
    ]


def main() -> int:
    """Make (or plan) everything, and print the table and the counts."""
    options = _options()
    begin = time.monotonic()
    outcomes: list[Outcome] = []
    with ThreadPoolExecutor(options.jobs) as pool:
        work = planned if options.plan else made
        for future in as_completed([pool.submit(work, case, options) for case in _cases(options)]):
            outcomes.append(future.result())
            print(outcomes[-1], flush=True)
            for line in () if options.quiet else outcomes[-1].said[1:]:
                print(f"    {line}", flush=True)
    print("\n" + "\n".join(sorted(str(outcome) for outcome in outcomes)))
    counts = collections.Counter(outcome.kind for outcome in outcomes)
    summary = ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
    print(f"\n{len(outcomes)} cases in {time.monotonic() - begin:.0f} s: {summary}")
    return 1 if counts[UNNAMED] else 0


if __name__ == "__main__":
    sys.exit(main())
