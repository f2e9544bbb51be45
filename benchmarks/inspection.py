"""How much faster a finished package is inspected than `auditwheel show` looks at the wheels it was made of.

The package: lxml, numpy, pydantic and cryptography for arm64 and python3.12. Ours reads every file of the zip, checks
names, modes, sizes and checksums, and resolves libraries against the runtime; the other side tells the platform tag of
one wheel after the other, those without machine code left out. The figure is for the inspection that ends every build;
the same as a command of its own, half of which is starting Python, is printed below. Installing auditwheel is not
timed. Both run with their bytecode compiled, as installed programs are.

    python benchmarks/inspection.py [--rounds 5]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from agreement import auditwheel_python
from bench_wheels import TARGET, download
from compare import Side, compare

from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Order
from orchestrator.packaging.inspection.inspect import inspect

GOAL = 30


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds = parser.parse_args().rounds
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        os.environ["PYTHONPYCACHEPREFIX"] = str(base / "bytecode")
        os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
        (base / "wheels").mkdir()
        wheels = download(base / "wheels")
        package = base / "package.zip"
        assemble(Order("function", TARGET, wheels, ()), package)
        auditwheel = auditwheel_python(base).with_name("auditwheel")
        native = [wheel.path for wheel in wheels if not wheel.path.name.endswith("-none-any.whl")]
        theirs = Side(f"auditwheel show, {len(native)} wheels", lambda: show(auditwheel, native))
        inside = Side("inspection, as a build does it", lambda: inspect(package, TARGET))
        compare(inside, theirs, rounds=rounds, goal=GOAL)
        compare(Side("orchestrator package inspect", lambda: command(package)), theirs, rounds=rounds)
        seen = inspect(package, TARGET)
        print(f"{seen.files} files, {seen.native_files} of them machine code, {seen.unzipped_bytes} bytes unzipped")


def command(package: Path) -> None:
    """Inspect the package as a user does; it has to be a good one."""
    options = ["--architecture", TARGET.architecture, "--runtime", TARGET.runtime.name]
    arguments = [sys.executable, "-m", "orchestrator", "package", "inspect", str(package), *options]
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)


def show(auditwheel: Path, wheels: list[Path]) -> None:
    """Let auditwheel look at every wheel."""
    for wheel in wheels:
        subprocess.run([auditwheel, "show", wheel], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


if __name__ == "__main__":
    main()
