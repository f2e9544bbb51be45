"""Whether one order gives the same bytes everywhere: other directory, umask, time zone, file order, Python.

Assembles one function (lxml, numpy, pydantic, cryptography for arm64 and python3.12, and an application) and one layer
with bytecode once for every Python of this machine, each time under other circumstances, and prints the digests. Ends
with 1 if they differ. The compressor is the same everywhere, because its version is one of the inputs.

    python benchmarks/same_bytes.py
"""

from __future__ import annotations

import json
import os
import random
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import deflate
from bench_wheels import TARGET, download

ROOT = Path(__file__).resolve().parents[1]
UV = Path(sys.executable).with_name("uv")
MINORS = ("3.10", "3.11", "3.12", "3.13", "3.14")
ZONES = ("UTC", "America/New_York", "Asia/Kathmandu", "Pacific/Kiritimati")
UMASKS = (0o022, 0o077, 0o000, 0o027)
PROGRAM = """
import json, os, sys
order = json.loads(sys.argv[1])
os.umask(order["umask"])
from pathlib import Path
from orchestrator.packaging.assembly.assemble import assemble
from orchestrator.packaging.assembly.model import Order
from orchestrator.packaging.files import sha256_of
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.model import Wheel
wheels = tuple(Wheel(name, version, Path(path), sha256) for name, version, path, sha256 in order["wheels"])
interpreter = Path(order["interpreter"]) if order["interpreter"] else None
for kind in ("function", "layer"):
    bytecode = kind == "layer" and interpreter is not None
    zipped = Path(kind + ".zip")
    assemble(
        Order(kind, target_of("arm64", "python3.12"), wheels, (Path("app"),), ("**/tests/**",), bytecode, interpreter),
        zipped,
    )
    print(kind + (" with bytecode" if bytecode else ""), sha256_of(zipped).hex())
"""


def main() -> None:
    """Build, compare, and print what was seen."""
    seen: dict[str, set[str]] = {}
    with tempfile.TemporaryDirectory() as name:
        base = Path(name)
        (base / "wheels").mkdir()
        wheels = download(base / "wheels")
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / "orchestrator", base / "application", ignore=ignored)
        interpreter = find_python(TARGET.python_version)
        for number, minor in enumerate(minor for minor in MINORS for _ in range(2)):
            if (python := environment(base / minor, minor)) is None:
                continue
            place = base / f"place {number}" / ("deeper" * number)
            entries = copies(base / "application", [wheel.path for wheel in wheels], place, number)
            order = {
                "umask": UMASKS[number % len(UMASKS)],
                "wheels": shuffled([(wheel.name, wheel.version, entries[wheel.path], wheel.sha256) for wheel in wheels],
                                   number),
                "interpreter": str(interpreter or ""),
            }  # fmt: skip
            variables = {**os.environ, "TZ": ZONES[number % len(ZONES)], "PYTHONHASHSEED": str(number)}
            variables["PYTHONPATH"] = str(ROOT)
            answer = subprocess.run(
                [str(python), "-c", PROGRAM, json.dumps(order)],
                cwd=place, env=variables, check=True, capture_output=True, text=True,
            ).stdout  # fmt: skip
            print(f"python{minor}, umask {order['umask']:03o}, {variables['TZ']}, seed {number}", flush=True)
            for line in answer.splitlines():
                what, _, digest = line.rpartition(" ")
                print(f"  {what:<22} {digest}", flush=True)
                seen.setdefault(what, set()).add(digest)
            shutil.rmtree(place)
    for what, digests in seen.items():
        print(f"{what}: {'identical' if len(digests) == 1 else f'{len(digests)} DIFFERENT digests'}")
    sys.exit(0 if seen and all(len(digests) == 1 for digests in seen.values()) else 1)


def shuffled(items: list[tuple[str, ...]], seed: int) -> list[tuple[str, ...]]:
    """Return the items in another order."""
    return random.Random(seed).sample(items, len(items))  # noqa: S311


def copies(application: Path, wheels: list[Path], place: Path, seed: int) -> dict[Path, str]:
    """Copy wheels and application below `place`, in another order for each seed and with times of now."""
    files = [path for path in sorted(application.rglob("*")) if path.is_file()]
    pairs = [(path, place / "app" / path.relative_to(application)) for path in files]
    pairs += [(path, place / f"wheels{seed}" / path.name) for path in wheels]
    random.Random(seed).shuffle(pairs)  # noqa: S311
    for source, target in pairs:
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(source.read_bytes())
    return {path: str(target) for path, target in pairs}


def environment(folder: Path, minor: str) -> Path | None:
    """Return a Python of that minor version with what assembling needs, if the machine has one."""
    python = folder / "bin" / "python"
    if not python.exists():
        if (found := find_python(minor)) is None:
            return None
        subprocess.run([str(UV), "venv", "--quiet", "--python", str(found), str(folder)], check=True)
        tools = [f"deflate=={deflate.__version__}", "packaging"]
        subprocess.run([str(UV), "pip", "install", "--quiet", "--python", str(python), *tools], check=True)
    return python


def find_python(minor: str) -> Path | None:
    """Return a Python of that minor version: on PATH, known to uv, or installed by pyenv."""
    if found := shutil.which(f"python{minor}"):
        done = subprocess.run([found, "-c", "import sys; print(sys.executable)"], capture_output=True, text=True)
        if done.returncode == 0:
            return Path(done.stdout.strip())
    done = subprocess.run([str(UV), "python", "find", "--no-python-downloads", minor], capture_output=True, text=True)
    if done.returncode == 0:
        return Path(done.stdout.strip())
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    return next(iter(sorted(pyenv.glob(f"versions/{minor}.*/bin/python{minor}"))), None)


if __name__ == "__main__":
    main()
