"""What `apt-get` is in a build: packages are unpacked into the build's own folder, and the machine stays as it is.

Started by file (see private_system.py) with any Python, so it imports nothing but the standard library. The real
apt-get resolves and downloads, with folders of its own; `dpkg-deb` unpacks. No root is needed and no script of a
package is run.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

_WITH_VALUE = {"-o", "--option", "-c", "--config-file", "-t", "--target-release", "-a", "--host-architecture"}
# Another C library than that of the loader which starts the programs of the build would end all of them.
_LEFT_OUT = {"libc6", "libc-bin", "locales"}
_HOOKS = (
    "APT::Update::Pre-Invoke",
    "APT::Update::Post-Invoke",
    "APT::Update::Post-Invoke-Success",
    "DPkg::Post-Invoke",
)
_DPKG = Path("/var/lib/dpkg")
_PREFIX = re.compile(r"(?<![\w./-])/usr(?=/(?:include|lib|share)\b|[\s\"']|$)", re.MULTILINE)
_PREFIX_AFTER_FLAG = re.compile(r"(?<=-[IL])/usr(?=/)")


class System:
    """The folders of one build's private system: `root` is where packages are unpacked."""

    def __init__(self, folder: Path) -> None:
        self.root = folder / "root"
        self.apt = folder / "apt"
        self.dpkg = folder / "dpkg"

    def create(self) -> None:
        """Make the folders, and a list of installed packages that begins as the machine's."""
        if self.dpkg.is_dir():
            return
        for path in (
            self.root,
            self.apt / "state/lists/partial",
            self.apt / "cache/archives/partial",
            self.apt / "log",
        ):
            path.mkdir(parents=True, exist_ok=True)
        unfinished = self.dpkg.with_name("dpkg.part")
        (unfinished / "info").mkdir(parents=True, exist_ok=True)
        (unfinished / "updates").mkdir(exist_ok=True)
        shutil.copyfile(_DPKG / "status", unfinished / "status")
        for path in (_DPKG / "info").iterdir():
            (unfinished / "info" / path.name).symlink_to(path)
        lines = [f"#clear {hook};" for hook in _HOOKS]
        lines += [
            f'Dir::State "{self.apt}/state";',
            f'Dir::State::status "{self.dpkg}/status";',
            f'Dir::Cache "{self.apt}/cache";',
            f'Dir::Log "{self.apt}/log";',
            'APT::Sandbox::User "";',
            'APT::Get::Assume-Yes "true";',
            'Debug::NoLocking "true";',
        ]
        (self.apt / "apt.conf").write_text("\n".join(lines) + "\n", encoding="utf-8")
        unfinished.rename(self.dpkg)


def main(arguments: Sequence[str]) -> int:
    """Do what `apt-get` was asked for; `arguments` are the folder, the real program, and what was asked."""
    folder, program, *asked = arguments
    options, words = _parse(asked)
    command, names = (words[0] if words else ""), words[1:]
    system = System(Path(folder))
    system.create()
    real = [program, "-c", str(system.apt / "apt.conf"), *options]
    if command == "update":
        return _run([*real, "update"])
    if command in ("clean", "autoclean", "autoremove"):
        return 0
    if command != "install":
        sys.stderr.write(f"E: the emulator's apt-get knows update and install, not {command or 'nothing'}\n")
        return 100
    _say(f"The emulator unpacks packages into {system.root}; this machine stays as it is.")
    return _run([*real, "--download-only", "install", *names]) or _unpack(system)


def _parse(asked: Sequence[str]) -> tuple[list[str], list[str]]:
    """Return the options that are passed on, and the words; what would point apt elsewhere is left out."""
    options, words = [], []
    position = iter(asked)
    for word in position:
        if word in _WITH_VALUE:
            next(position, None)
        elif word.startswith("-"):
            if word in ("--no-install-recommends", "--quiet", "-q", "-qq"):
                options.append(word)
        else:
            words.append(word)
    return options, words


def _say(line: str) -> None:
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def _run(command: Sequence[str]) -> int:
    return subprocess.run(command, env=_environment(), check=False).returncode


def _environment() -> dict[str, str]:
    """Return the environment for the machine's own programs, which get the machine's own libraries."""
    return {name: value for name, value in os.environ.items() if not name.startswith("LD_")}


def _unpack(system: System) -> int:
    archives = sorted((system.apt / "cache/archives").glob("*.deb"))
    for archive in archives:
        fields = _fields(_read(["dpkg-deb", "--field", str(archive)]))
        if fields["Package"] in _LEFT_OUT:
            _say(f"Left out {fields['Package']}: the build runs on this machine's own.")
        elif status := _run(["dpkg-deb", "--extract", str(archive), str(system.root)]):
            return status
        else:
            _say(f"Unpacked {fields['Package']} ({fields['Version']})")
            listed = [line.split(None, 5)[5] for line in _read(["dpkg-deb", "--contents", str(archive)]).splitlines()]
            names = [name.partition(" -> ")[0].lstrip(".").rstrip("/") for name in listed]
            _relocate(system.root, [name for name in names if name])
            _register(system, fields, names)
        archive.unlink()
    return 0


def _read(command: Sequence[str]) -> str:
    done = subprocess.run(command, env=_environment(), capture_output=True, text=True, check=True)
    return done.stdout


def _fields(control: str) -> dict[str, str]:
    found: dict[str, str] = {}
    name = ""
    for line in control.splitlines():
        if line.startswith((" ", "\t")):
            found[name] += f"\n{line}"
        else:
            name, _, value = line.partition(":")
            found[name] = value.strip()
    return found


def _relocate(root: Path, names: Sequence[str]) -> None:
    """Let links and the scripts that name folders mean what is there: here, or on the machine."""
    for name in names:
        path = root / name.lstrip("/")
        if path.is_symlink():
            _relink(root, path)
        elif path.is_file() and (path.suffix == ".pc" or path.name.endswith(("-config", "_config"))):
            _rewrite(root, path)


def _relink(root: Path, path: Path) -> None:
    text = str(path.readlink())
    aim = root / text.lstrip("/") if text.startswith("/") else path.parent / text
    if aim.exists():
        if text.startswith("/"):
            path.unlink()
            path.symlink_to(aim)
        return
    machine = Path("/") / os.path.relpath(os.path.normpath(aim), root)
    if machine.exists():
        path.unlink()
        path.symlink_to(machine)


def _rewrite(root: Path, path: Path) -> None:
    try:
        text = path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return  # a program, not a script
    first, newline, rest = text.partition("\n") if text.startswith("#!") else ("", "", text)
    rest = _PREFIX_AFTER_FLAG.sub(f"{root}/usr", _PREFIX.sub(f"{root}/usr", rest))
    path.write_text(first + newline + rest, encoding="utf-8")


def _register(system: System, fields: dict[str, str], names: Sequence[str]) -> None:
    """Enter the package in the build's list of installed packages, in place of another version."""
    status = system.dpkg / "status"
    kept = [text for text in _paragraphs(status) if not _same(_fields(text), fields)]
    entry = "\n".join(
        [f"Package: {fields['Package']}", "Status: install ok installed"]
        + [f"{name}: {value}" for name, value in fields.items() if name != "Package"]
    )
    status.write_text("\n\n".join([*kept, entry]) + "\n", encoding="utf-8")
    suffix = f":{fields['Architecture']}" if fields.get("Multi-Arch") == "same" else ""
    listing = system.dpkg / "info" / f"{fields['Package']}{suffix}.list"
    listing.unlink(missing_ok=True)
    listing.write_text("".join(f"{name or '/.'}\n" for name in names), encoding="utf-8")


def _paragraphs(status: Path) -> Iterator[str]:
    for text in status.read_text(encoding="utf-8").split("\n\n"):
        if text.strip():
            yield text.strip("\n")


def _same(one: dict[str, str], other: dict[str, str]) -> bool:
    return all(one.get(name) == other.get(name) for name in ("Package", "Architecture"))


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
