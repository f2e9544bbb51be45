"""The wheels that the figures about packing are measured with: report B's set, for arm64 and python3.12."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

from packaging.utils import parse_wheel_filename

from orchestrator.packaging.runtimes import Target, target_of
from orchestrator.packaging.wheels.model import Wheel

REQUIREMENTS = ("lxml", "numpy", "pydantic", "cryptography")
TARGET: Target = target_of("arm64", "python3.12")
_GLIBC = (34, 31, 28, 27, 26, 24, 17)


def download(folder: Path, requirements: tuple[str, ...] = REQUIREMENTS) -> tuple[Wheel, ...]:
    """Bring the wheels of the requirements, and of all they need, into `folder`."""
    platforms = [f"manylinux_2_{minor}_aarch64" for minor in _GLIBC] + ["manylinux2014_aarch64"]
    options = [word for platform in platforms for word in ("--platform", platform)]
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check"]
    command += ["--only-binary", ":all:", "--python-version", TARGET.python_version, "--dest", str(folder), *options]
    subprocess.run([*command, *requirements], check=True, stdout=sys.stderr)
    return tuple(_wheel(path) for path in sorted(folder.glob("*.whl")))


def install(wheels: tuple[Wheel, ...], tree: Path) -> None:
    """Unpack the wheels as `uv pip install --target` does, without bytecode."""
    command = [
        str(Path(sys.executable).with_name("uv")),
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--link-mode",
        "copy",
    ]
    command += ["--python-platform", "aarch64-manylinux_2_34", "--python-version", TARGET.python_version]
    subprocess.run([*command, "--target", str(tree), *(str(wheel.path) for wheel in wheels)], check=True)


def _wheel(path: Path) -> Wheel:
    name, version, _, _ = parse_wheel_filename(path.name)
    return Wheel(name, str(version), path, hashlib.sha256(path.read_bytes()).hexdigest())
