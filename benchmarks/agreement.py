"""Whether our inspector and auditwheel see the same in the wheels that Lambda functions use most.

Downloads the wheels of both architectures, asks both for the oldest glibc that the content needs and for the libraries
that it does not bring, and prints a table. Ends with 1 if they disagree anywhere without an explanation.

    python benchmarks/agreement.py [--packages lxml,numpy] [--runtime python3.12] [--wheels DIRECTORY]
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from dataclasses import dataclass
from pathlib import Path

from orchestrator.packaging.inspection.facts import NativeFacts, native_facts
from orchestrator.packaging.runtimes import Target, target_of

PACKAGES = (
    "lxml,numpy,pydantic-core,cryptography,pandas,pillow,opencv-python-headless,opencv-python,psycopg2-binary,pyarrow,"
    "scipy,grpcio,shapely,onnxruntime,pyzmq,cffi,pyodbc,pycurl,av,lightgbm,soundfile,pymupdf,rasterio"
)
# auditwheel would look for libraries on the machine that it runs on; here it is to know the wheel alone.
_AUDITWHEEL = """
import json, sys
from pathlib import Path
from auditwheel.error import NonPlatformWheelError, WheelToolsError
from auditwheel.wheel_abi import get_wheel_elfdata
from auditwheel.wheeltools import get_wheel_architecture, get_wheel_libc
for line in sys.stdin:
    path = Path(line.strip())
    try:
        libc = get_wheel_libc(path.name)
    except WheelToolsError:
        libc = None
    try:
        architecture = get_wheel_architecture(path.name)
    except NonPlatformWheelError:
        print(json.dumps({"versions": [], "external": []}), flush=True)
        continue
    seen = get_wheel_elfdata(libc, architecture, path, frozenset(), "/nowhere")
    versions = sorted({name for names in seen.versioned_symbols.values() for name in names})
    libraries = [item for tree in seen.full_elftree.values() for item in tree.libraries.items()]
    external = sorted({name for name, library in libraries if library.realpath is None})
    print(json.dumps({"versions": versions, "external": external}), flush=True)
"""


@dataclass(frozen=True)
class Opinion:
    """What one of the two sees in a wheel."""

    glibc: str
    external: frozenset[str]


def main() -> int:
    """Compare, print the table, and tell whether every disagreement is explained."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", default=PACKAGES)
    parser.add_argument("--runtime", default="python3.12", help="a Python runtime of the table")
    parser.add_argument(
        "--wheels", type=Path, help="a directory with wheels already downloaded, below x86_64/ and arm64/"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        python = auditwheel_python(Path(scratch))
        wheels = arguments.wheels or Path(scratch) / "wheels"
        targets = [target_of(architecture, arguments.runtime) for architecture in ("arm64", "x86_64")]
        if not arguments.wheels:
            for target in targets:
                download(python, arguments.packages.split(","), target, wheels / target.architecture)
        unexplained = 0
        for target in targets:
            unexplained += compare_wheels(python, sorted((wheels / target.architecture).glob("*.whl")), target)
    print(f"{unexplained} disagreements without an explanation")
    return 1 if unexplained else 0


def compare_wheels(python: Path, wheels: list[Path], target: Target) -> int:
    """Print one line for each wheel; return how many lines nothing explains."""
    unexplained = 0
    for wheel, theirs in zip(wheels, auditwheel_opinions(python, wheels), strict=True):
        facts = native_facts(wheel, target)
        ours = Opinion(written(facts.glibc), facts.external)
        reasons = disagreements(facts, theirs)
        unexplained += None in reasons
        said = "; ".join(reason or "UNEXPLAINED" for reason in reasons) or "agree"
        name = "-".join(wheel.name.split("-")[:2])
        print(f"{target.architecture:6}  {name:36} glibc {ours.glibc:5} {theirs.glibc:5} {said}", flush=True)
        if None in reasons:
            print(f"        only ours: {sorted(ours.external - theirs.external)}")
            print(f"        only auditwheel: {sorted(theirs.external - ours.external)}")
    return unexplained


def disagreements(facts: NativeFacts, theirs: Opinion) -> list[str | None]:
    """Return a reason for every disagreement, None for one that has none."""
    reasons: list[str | None] = []
    if written(facts.glibc) != theirs.glibc:
        weak = written(facts.glibc_with_weak) == theirs.glibc
        reasons.append("auditwheel counts a weak need, which does not stop the loader" if weak else None)
    if facts.external != theirs.external:
        reasons.append(None)
    return reasons


def written(version: tuple[int, ...] | None) -> str:
    """Return a version as people write it."""
    return ".".join(map(str, version)) if version else "-"


def auditwheel_opinions(python: Path, wheels: list[Path]) -> list[Opinion]:
    """Ask auditwheel's own functions about all wheels, in one process of its virtual environment."""
    asked = "".join(f"{wheel}\n" for wheel in wheels)
    done = subprocess.run([python, "-c", _AUDITWHEEL], input=asked, check=True, stdout=subprocess.PIPE, text=True)
    return [_their_opinion(json.loads(line)) for line in done.stdout.splitlines()]


def _their_opinion(answer: dict[str, list[str]]) -> Opinion:
    numbers = [
        (2, 36) if name == "GLIBC_ABI_DT_RELR" else tuple(int(part) for part in name[6:].split("."))
        for name in answer["versions"]
        if name.startswith("GLIBC_") and (name == "GLIBC_ABI_DT_RELR" or name[6].isdigit())
    ]
    return Opinion(written(max(numbers, default=None)), frozenset(answer["external"]))


def auditwheel_python(scratch: Path) -> Path:
    """Install auditwheel into a virtual environment of its own and return that one's Python."""
    venv.create(scratch / "auditwheel", with_pip=True)
    python = scratch / "auditwheel" / "bin" / "python"
    subprocess.run([python, "-m", "pip", "install", "--quiet", "auditwheel==6.8.2"], check=True)
    return python


def download(python: Path, packages: list[str], target: Target, directory: Path) -> None:
    """Download the newest wheel of every package that the target can take; a package without one is left out."""
    newest = target.runtime.glibc[1]
    tags = [f"manylinux_2_{minor}_{target.machine}" for minor in range(newest, 16, -1)]
    for package in packages:
        command: list[str | Path] = [
            python,
            "-m",
            "pip",
            "download",
            "--quiet",
            "--no-deps",
            "--only-binary",
            ":all:",
            "--dest",
            directory,
        ]
        command += ["--python-version", target.python_version, "--implementation", "cp"]
        command += [f"--abi={abi}" for abi in (target.abi_tag.replace("cpython-", "cp"), "abi3", "none")]
        command += [f"--platform={tag}" for tag in [*tags, f"manylinux2014_{target.machine}"]]
        if subprocess.run([*command, package], check=False, stderr=subprocess.DEVNULL).returncode:
            print(f"{target.architecture:6}  {package}: no wheel for {target}")


if __name__ == "__main__":
    sys.exit(main())
