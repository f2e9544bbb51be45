"""The Lambda runtimes as data: which C library each one has, and what a machine must be to build for it."""

from __future__ import annotations

import platform
import sys
from dataclasses import dataclass


@dataclass(frozen=True)
class Runtime:
    """One row: the C library's version, and the newest manylinux level that uv knows and the runtime can load."""

    system: str
    glibc: tuple[int, int]
    manylinux: str


# As of 2026-08; system and glibc as published (AWS docs "AL2023 core glibc", lists of Lambda runtimes), not probed in a
# live Lambda. uv has no manylinux_2_26, so Amazon Linux 2 takes a lower level that uv knows.
RUNTIMES = {
    "python3.10": Runtime("Amazon Linux 2", (2, 26), "manylinux_2_17"),
    "python3.11": Runtime("Amazon Linux 2", (2, 26), "manylinux_2_17"),
    "python3.12": Runtime("Amazon Linux 2023", (2, 34), "manylinux_2_34"),
    "python3.13": Runtime("Amazon Linux 2023", (2, 34), "manylinux_2_34"),
    "python3.14": Runtime("Amazon Linux 2023", (2, 34), "manylinux_2_34"),
}
_MACHINES = {"arm64": "aarch64", "x86_64": "x86_64"}
_ELF_MACHINES = {"arm64": 183, "x86_64": 62}
# Lambda quota "Deployment package (.zip file archive) size": 250 MB unzipped, in units of 1,024 KB.
UNZIPPED_LIMIT_BYTES = 262_144_000


@dataclass(frozen=True)
class Target:
    """What a package must run on, in Lambda's words (`arm64`, `python3.12`)."""

    architecture: str
    runtime: str

    def __str__(self) -> str:
        return f"{self.runtime} on {self.architecture}"

    @property
    def python_version(self) -> str:
        """Such as `3.12`."""
        return self.runtime.removeprefix("python")

    @property
    def machine(self) -> str:
        """The architecture as the kernel and wheels spell it."""
        return _MACHINES[self.architecture]

    @property
    def elf_machine(self) -> int:
        """The `e_machine` of ELF files (ELF specification: 183 AArch64, 62 x86-64)."""
        return _ELF_MACHINES[self.architecture]

    @property
    def uv_platform(self) -> str:
        """The platform as uv spells it."""
        return f"{self.machine}-{RUNTIMES[self.runtime].manylinux}"

    @property
    def abi_tag(self) -> str:
        """The tag in the names of extension modules, such as `cpython-312`."""
        return f"cpython-{self.python_version.replace('.', '')}"

    def foreign(self) -> str:
        """Say why this machine cannot compile for the target, or nothing if it can."""
        here = f"Python {sys.version_info[0]}.{sys.version_info[1]} on {platform.system()} {platform.machine()}"
        same_python = f"{sys.version_info[0]}.{sys.version_info[1]}" == self.python_version
        same_machine = platform.system() == "Linux" and platform.machine() == self.machine
        return "" if same_python and same_machine else f"this machine is {here}, the target is {self}"

    def newer_libc(self) -> str:
        """Warn when what is compiled here may need a newer C library than the runtime has."""
        name, version = platform.libc_ver()
        limit = RUNTIMES[self.runtime]
        if name != "glibc" or tuple(map(int, version.split(".")[:2])) <= limit.glibc:
            return ""
        wanted = ".".join(map(str, limit.glibc))
        return f"compiled with glibc {version}, but {self.runtime} ({limit.system}) has {wanted}: test it before use"
