"""How much faster a lock becomes a finished, inspected zip than with another packager, its cache warm.

The package: lxml, numpy, pydantic and cryptography for arm64 and python3.12. Ours ends with a zip that has been
inspected, and its manifest, SBOM, provenance and lock. The others:

    recipe    `pip install --target`, `touch`, `zip -qrX`: how such packages are made by hand
    sam-pip   `sam build`, its pip workflow (a folder, no zip)
    sam-uv    `sam build`, its uv workflow (a folder, no zip)

    python benchmarks/package.py --against recipe [--rounds 3]

Needs a Python 3.12 with pip for the other sides, and `zip` for `recipe`.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from functools import partial
from pathlib import Path

from compare import Side, compare

from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.interpreter import interpreter_of

REQUIREMENTS = ("lxml", "numpy", "pydantic", "cryptography")
GOALS = {"recipe": 30.0, "sam-pip": 30.0, "sam-uv": 3.0}
TEMPLATE = """AWSTemplateFormatVersion: "2010-09-09"
Transform: AWS::Serverless-2016-10-31
Resources:
  Probe:
    Type: AWS::Serverless::Function
    Properties: {{CodeUri: src, Handler: app.handler, Runtime: python3.12, Architectures: [arm64]}}
    Metadata: {{{metadata}}}
"""


def run(arguments: list[str], folder: Path, environment: dict[str, str] | None = None) -> None:
    """Run a program, and show what it printed if it fails."""
    done = subprocess.run(
        arguments, cwd=folder, env={**os.environ, **(environment or {})}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise SystemExit(f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout}{done.stderr}")


def lock(folder: Path) -> None:
    """Write the same lock in two forms: `src/requirements.txt` for the others, `pylock.toml` for us."""
    (folder / "src").mkdir()
    (folder / "src" / "app.py").write_text("def handler(event, context):\n    return 1\n")
    (folder / "in.txt").write_text("".join(f"{name}\n" for name in REQUIREMENTS))
    target = ("--python-platform", "aarch64-manylinux_2_34", "--python-version", "3.12", "--only-binary", ":all:")
    for output in ("src/requirements.txt", "pylock.toml"):
        options = ["--no-header", "--no-annotate", "--quiet", "--output-file", output]
        run(["uv", "pip", "compile", "in.txt", *target, *options], folder)


def ours(folder: Path) -> None:
    """Make the package from the lock."""
    run(
        [
            *("orchestrator", "package", "build", "src", "--requirements", "pylock.toml"),
            *("--architecture", "arm64", "--runtime", "python3.12", "--output", "ours.zip", "--cache", "cache"),
            *("--exclude", "requirements.txt"),
        ],
        folder,
    )


def recipe(folder: Path) -> None:
    """Install, touch and zip, as the hand-written pipelines do."""
    platforms = "".join(f" --platform manylinux_2_{minor}_aarch64" for minor in (34, 28, 27, 26, 17))
    script = (
        "rm -rf package package.zip && "
        f"{_python()} -m pip install --quiet --disable-pip-version-check --target package --only-binary :all:"
        f"{platforms} --platform manylinux2014_aarch64 --python-version 3.12 --requirement src/requirements.txt && "
        "cp src/app.py package/ && find package -exec touch -t 202001010000 {} + && "
        "cd package && zip -qrX ../package.zip ."
    )
    run(["bash", "-c", script], folder)


def sam(folder: Path, *, method: str) -> None:
    """Let SAM build into a folder, with one of its two workflows."""
    path = f"{folder / 'sam' / 'bin'}{os.pathsep}{_python().parent}{os.pathsep}{os.environ['PATH']}"
    metadata = "BuildMethod: python-uv" if method == "uv" else ""
    template = folder / f"{method}.yaml"
    template.write_text(TEMPLATE.format(metadata=metadata))
    options = ["--build-dir", f"built-{method}", *(["--beta-features"] if method == "uv" else [])]
    run(["sam", "build", "--template", str(template), *options], folder, {"PATH": path, "SAM_CLI_TELEMETRY": "0"})


def _python() -> Path:
    found = interpreter_of(target_of("x86_64" if os.uname().machine == "x86_64" else "arm64", "python3.12"))
    if found is None:
        raise SystemExit("this needs a Python 3.12 with pip on this machine")
    return found


def prepare(folder: Path, against: str) -> Callable[[], None]:
    """Install what the other side needs; return it."""
    if against == "recipe":
        return partial(recipe, folder)
    run([sys.executable, "-m", "venv", "sam"], folder)
    run(["sam/bin/pip", "install", "--quiet", "aws-sam-cli", "uv"], folder)
    return partial(sam, folder, method=against.removeprefix("sam-"))


def main() -> None:
    """Measure, and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--against", choices=sorted(GOALS), default="recipe")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    os.environ["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    # Installed programs have their bytecode, and so has what is measured here after its first run.
    os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        lock(folder)
        theirs = prepare(folder, arguments.against)
        compare(
            Side("orchestrator package build", partial(ours, folder)),
            Side(arguments.against, theirs),
            rounds=arguments.rounds,
            goal=GOALS[arguments.against],
        )
        sizes = {
            path.name: path.stat().st_size for path in (folder / "ours.zip", folder / "package.zip") if path.exists()
        }
        print(", ".join(f"{name}: {size} bytes" for name, size in sizes.items()))


if __name__ == "__main__":
    main()
