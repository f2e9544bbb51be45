"""What cannot run on its target is found, with its file, its origin and a way out; what can run passes."""

from __future__ import annotations

import struct
import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest
from elves import ARM64, X86_64, elf
from zips import Content, make_zip

from orchestrator.errors import Refused
from orchestrator.packaging.inspection import contents
from orchestrator.packaging.inspection.inspect import inspect, refuse_findings
from orchestrator.packaging.inspection.model import Allowance, Finding, Rule, Severity
from orchestrator.packaging.runtimes import UNZIPPED_LIMIT_BYTES, Target, target_of

ARM = target_of("arm64", "python3.12")
INTEL_AL2 = target_of("x86_64", "python3.11")
NODE = target_of("arm64", "nodejs22.x")
CUSTOM = target_of("arm64", "provided.al2023")
_SUFFIX = ".cpython-312-aarch64-linux-gnu.so"
_CORE = elf(needed=["libc.so.6"])
_DIST = "my_lib-1.0.dist-info"
_PURE = "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"


def _pe(*, managed: bool = False) -> bytes:
    """Return a Windows program, or an assembly of .NET, which has the form of one."""
    optional = struct.pack("<H", 0x20B).ljust(108, b"\0") + struct.pack("<I", 16)
    optional += b"\0" * 8 * 14 + struct.pack("<II", 0x2000 if managed else 0, 72) + b"\0" * 8
    return b"MZ" + b"\0" * 58 + struct.pack("<I", 64) + b"PE\0\0" + b"\0" * 20 + optional


_MACHO = struct.pack("<IIIIIII", 0xFEEDFACF, 0x0100000C, 0, 6, 0, 0, 0) + b"\0" * 40
_MACHO_BIG = struct.pack(">IIIIIII", 0xFEEDFACE, 18, 0, 2, 0, 0, 0) + b"\0" * 40
_FAT = struct.pack(">II", 0xCAFEBABE, 2) + b"\0" * 60
_FAT_SWAPPED = struct.pack("<II", 0xCAFEBABF, 1) + b"\0" * 60
_JAVA = struct.pack(">IHH", 0xCAFEBABE, 0, 52) + b"\0" * 60


def found(path: Path, files: Mapping[str, Content], target: Target = ARM, **options: object) -> list[Finding]:
    """Return the findings of a zip of these files."""
    return list(inspect(make_zip(path / "x.zip", files), target, **options).findings)  # type: ignore[arg-type]


_WRONG: dict[str, tuple[str, Content, Rule, str]] = {
    "another processor": ("a.so", elf(X86_64), Rule.MACHINE, "x86_64"),
    "32 bits": ("a", elf(ARM64, 32), Rule.MACHINE, "32-bit"),
    "big endian": ("a", elf(ARM64, order=">"), Rule.MACHINE, "big-endian"),
    "a processor without a name": ("a", elf(4242), Rule.MACHINE, "machine 4242"),
    "a damaged library": ("a.so", _CORE[:-40], Rule.CONTENT, "damaged ELF"),
    "Windows": ("a.dat", _pe(), Rule.FORMAT, "Windows"),
    "Windows by its name": ("a.pyd", b"", Rule.FORMAT, "Windows"),
    "macOS": ("a", _MACHO, Rule.FORMAT, "macOS"),
    "old macOS": ("a", _MACHO_BIG, Rule.FORMAT, "macOS"),
    "several Macs": ("a", _FAT, Rule.FORMAT, "macOS"),
    "several Macs, swapped": ("a", _FAT_SWAPPED, Rule.FORMAT, "macOS"),
    "macOS by its name": ("a.dylib", b"x", Rule.FORMAT, "macOS"),
    "another Python": ("a.cpython-311-aarch64-linux-gnu.so", _CORE, Rule.ABI, "cpython-311"),
    "Python without the lock": ("a.cpython-312t-aarch64-linux-gnu.so", _CORE, Rule.ABI, "cpython-312t"),
    "a debugging Python": ("a.cpython-312d-aarch64-linux-gnu.so", _CORE, Rule.ABI, "cpython-312d"),
    "the ABI of Pythons without the lock": ("a.abi3t.so", _CORE, Rule.ABI, "abi3t"),
    "PyPy": ("a.pypy310-pp73-aarch64-linux-gnu.so", _CORE, Rule.ABI, "pypy310"),
    "a name for another processor": ("a.cpython-312-x86_64-linux-gnu.so", _CORE, Rule.ABI, "x86_64-linux-gnu"),
    "musl by its name": ("a.cpython-312-aarch64-linux-musl.so", _CORE, Rule.ABI, "musl"),
    "musl by its need": ("a.so", elf(needed=["libc.musl-aarch64.so.1"]), Rule.ABI, "musl"),
    "musl by its loader": ("a", (elf(interpreter="/lib/ld-musl-aarch64.so.1"), 0o100755), Rule.ABI, "musl"),
    "a loader that is not there": ("a", (elf(interpreter="/nix/store/ld.so"), 0o100755), Rule.LIBRARY, "/nix/store"),
    "a name that leaves": ("../a", b"", Rule.NAME, "leaves"),
    "a name that leaves later": ("a/../../b", b"", Rule.NAME, "leaves"),
    "an absolute name": ("/etc/a", b"", Rule.NAME, "absolute"),
    "a backslash": ("a\\b.py", b"", Rule.NAME, "backslash"),
    "an empty part": ("a//b", b"", Rule.NAME, "empty"),
    "a control character": ("a\x1b[31m", b"", Rule.NAME, "characters"),
    "a long name": ("a" * 300, b"", Rule.NAME, "255"),
    "a link": ("a", ("/etc/passwd", 0o120777), Rule.LINK, "/etc/passwd"),
    "a pipe": ("a", ("", 0o010644), Rule.LINK, "special"),
    "unreadable to others": ("a.py", ("", 0o100600), Rule.MODE, "600"),
    "no mode at all": ("a.py", ("", 0), Rule.MODE, "000"),
    "a closed directory": ("a/", ("", 0o040700), Rule.MODE, "700"),
    "a program that is no program": ("a", elf(interpreter="/lib/ld-linux-aarch64.so.1"), Rule.MODE, "644"),
    "a static program that is no program": ("a", elf(kind=2), Rule.MODE, "644"),
    "a directory with content": ("a/", ("x", 0o040755), Rule.CONTENT, "directory"),
    "bytecode of another Python": ("a.pyc", b"\xa7\x0d\r\n" + b"\0" * 12, Rule.BYTECODE, "another Python"),
}


@pytest.mark.parametrize("case", _WRONG)
def test_what_cannot_run_is_found(tmp_path: Path, case: str) -> None:
    """Each is one error of its rule that names file, distribution and a way out, and stops the build with exit 5."""
    name, content, rule, said = _WRONG[case]
    record = f"{name},,\nmy_lib/code.py,,\n"
    findings = found(tmp_path, {name: content, "my_lib/code.py": "x", f"{_DIST}/RECORD": record})
    assert [(item.rule, item.severity, item.file) for item in findings] == [(rule, Severity.ERROR, name)]
    # A RECORD has no directories, and of two names for one file it has the plain one.
    assert findings[0].distribution == "my-lib 1.0" or rule is Rule.NAME or name.endswith("/")
    assert said in findings[0].observed
    assert findings[0].advice
    with pytest.raises(Refused) as caught:
        refuse_findings(inspect(tmp_path / "x.zip", ARM), ARM)
    assert said in caught.value.detail
    assert caught.value.hint


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.so", _CORE),
        (f"a{_SUFFIX}", _CORE),
        ("a.cpython-312.so", _CORE),
        ("a.abi3.so", _CORE),
        ("liba.so.1.2", elf(needed=["libm.so.6", "libstdc++.so.6", "ld-linux-aarch64.so.1"])),
        ("bin/a", (elf(interpreter="/lib/ld-linux-aarch64.so.1"), 0o100755)),
        ("libc-like.so.6", elf(interpreter="/lib/ld-linux-aarch64.so.1")),
        ("gpu.cubin", elf(190)),
        ("probe.o", elf(247, kind=1)),
        ("A.class", _JAVA),
        ("a.dll", _pe(managed=True)),
        ("MZ.txt", b"MZ is how this text begins, and it goes on for more than sixty-four bytes, as texts do"),
        ("short.txt", b"MZ"),
        ("fat.txt", b"\xca\xfe\xba\xbe"),
        ("empty", b""),
        ("Ärger/ß.py", b""),
        ("a/", ("", 0o040755)),
        ("a.pyc", b"\xcb\x0d\r\n" + b"\0" * 12),
        ("python/lib/python3.11/site-packages/a.cpython-311-aarch64-linux-gnu.so", _CORE),
    ],
)
def test_what_can_run_passes(tmp_path: Path, name: str, content: Content) -> None:
    """Nothing is said of what only looks wrong."""
    assert found(tmp_path, {name: content, "handler.py": "x"}) == []


def test_other_runtimes_have_no_python_rules(tmp_path: Path) -> None:
    """For Node and custom runtimes the name of a Python module means nothing, but a processor still does."""
    assert found(tmp_path, {"a.cpython-311-aarch64-linux-gnu.so": _CORE}, NODE) == []
    assert [item.rule for item in found(tmp_path, {"a.node": elf(X86_64)}, NODE)] == [Rule.MACHINE]


@pytest.mark.parametrize(("ending", "rules"), [("\n", []), ("\r\n", [Rule.CONTENT])])
def test_a_script_that_was_saved_on_windows_does_not_start(tmp_path: Path, ending: str, rules: list[Rule]) -> None:
    """A `bootstrap` whose first line ends with a carriage return is found before Lambda fails to start it."""
    script = ("#!/bin/sh" + ending + "exec ./main" + ending, 0o100755)
    assert [item.rule for item in found(tmp_path, {"bootstrap": script}, CUSTOM)] == rules


def test_the_program_of_a_custom_runtime_must_be_one(tmp_path: Path) -> None:
    """`bootstrap` needs its x bit, also as a script; made on Windows it has none."""
    script = "#!/bin/sh\n"
    assert [item.rule for item in found(tmp_path, {"bootstrap": script}, CUSTOM)] == [Rule.MODE]
    assert found(tmp_path, {"bootstrap": (script, 0o100755)}, CUSTOM) == []
    assert found(tmp_path, {"bootstrap": script}, ARM) == []
    path = make_zip(tmp_path / "w.zip", {"bootstrap": (script, 0), "a.py": ("", 0)}, create_system=0)
    findings = inspect(path, CUSTOM).findings
    assert [(item.rule, item.file) for item in findings] == [(Rule.MODE, "bootstrap")]
    assert "Windows" in findings[0].observed


def test_versions_name_symbols_and_the_newest_counts(tmp_path: Path) -> None:
    """A version that the runtime lacks is told once, the newest of it, with the symbols that need it."""
    versions = {
        "libc.so.6": {"GLIBC_2.35": (False, ["old"]), "GLIBC_2.38": (False, ["__isoc23_strtol"])},
        "libstdc++.so.6": {"GLIBCXX_3.4.30": (False, ["new_thing"]), "CXXABI_1.3.13": (False, ["fine"])},
        "libz.so.1": {"ZLIB_9": (False, ["unknown_family"])},
    }
    library = elf(needed=list(versions), versions=versions)
    findings = found(tmp_path, {"a.so": library})
    assert {(item.rule, item.subject) for item in findings} == {
        (Rule.VERSION, "GLIBC_2.38"),
        (Rule.VERSION, "GLIBCXX_3.4.30"),
    }
    assert findings[0].observed == "a need for GLIBCXX_3.4.30 (new_thing) of `libstdc++.so.6`"
    assert findings[1].observed == "a need for GLIBC_2.38 (__isoc23_strtol) of `libc.so.6`"
    assert "GLIBC_2.34" in findings[1].expected


@pytest.mark.parametrize(
    ("name", "weak", "passes"),
    [
        ("GLIBC_2.34", False, True),
        ("GLIBC_2.35", True, True),
        ("GLIBC_2.4.99", False, True),
        ("GLIBC_2.100", False, False),
        ("GLIBC_ABI_DT_RELR", False, False),
        ("GLIBC_ABI_SOMETHING_NEW", False, False),
        ("GLIBC_PRIVATE", False, False),
        ("GLIBC_PRIVATE", True, True),
        ("GLIBC_" + "9" * 900, False, True),
    ],
)
def test_versions_are_numbers_with_exceptions(tmp_path: Path, name: str, weak: bool, passes: bool) -> None:
    """Versions compare as numbers; marks count as the glibc that brought them, weak needs not at all."""
    library = elf(needed=["libc.so.6"], versions={"libc.so.6": {name: (weak, ["symbol"])}})
    assert (found(tmp_path, {"a.so": library}) == []) is passes


def test_a_mark_without_a_number_passes_where_the_runtime_is_new(tmp_path: Path) -> None:
    """GLIBC_ABI_DT_RELR is glibc 2.36."""
    new = target_of("arm64", "next", {"next": {"system": "Amazon Linux 2023", "versions": {"GLIBC": "2.36"}}})
    library = elf(needed=["libc.so.6"], versions={"libc.so.6": {"GLIBC_ABI_DT_RELR": (False, [])}})
    assert found(tmp_path, {"a.so": library}, new) == []


def _wheel_file(*tags: str) -> str:
    return "Wheel-Version: 1.0\nRoot-Is-Purelib: false\n" + "".join(f"Tag: {tag}\n" for tag in tags)


@pytest.mark.parametrize(
    ("tag", "passes"),
    [
        ("cp312-cp312-manylinux_2_17_aarch64", True),
        ("cp39-abi3-manylinux_2_17_aarch64", True),
        ("cp312-abi3-manylinux_2_17_aarch64", True),
        ("py3-none-manylinux_2_17_aarch64", True),
        ("py2.py3-none-manylinux_2_17_aarch64", True),
        ("cp313-abi3-manylinux_2_17_aarch64", False),
        ("cp311-cp311-manylinux_2_17_aarch64", False),
        ("cp312-cp312t-manylinux_2_17_aarch64", False),
        ("pp310-pypy310_pp73-manylinux_2_17_aarch64", False),
        ("cp313.cp312-cp312-manylinux_2_17_aarch64", True),
    ],
)
def test_tags_tell_what_names_do_not(tmp_path: Path, tag: str, passes: bool) -> None:
    """A module whose name says nothing is for the Python that its wheel is tagged for."""
    files = {"a.abi3.so": _CORE, f"{_DIST}/RECORD": "a.abi3.so,,\n", f"{_DIST}/WHEEL": _wheel_file(tag)}
    findings = found(tmp_path, files)
    assert [(item.rule, item.file, item.subject) for item in findings] == (
        [] if passes else [(Rule.ABI, f"{_DIST}/WHEEL", tag)]
    )


def test_a_tag_that_its_content_breaks_is_told(tmp_path: Path) -> None:
    """Advice for a version that is too new says that the wheel's tag had promised another."""
    library = elf(needed=["libc.so.6"], versions={"libc.so.6": {"GLIBC_2.38": (False, ["f"])}})
    tag = _wheel_file("cp39-abi3-manylinux_2_24_aarch64", "cp39-abi3-manylinux2014_aarch64")
    files = {"a.abi3.so": library, f"{_DIST}/RECORD": "a.abi3.so,,\n", f"{_DIST}/WHEEL": tag}
    assert "promises glibc 2.17 and its content breaks that" in found(tmp_path, files)[0].advice


def test_launchers_for_windows_are_data_of_pure_distributions(tmp_path: Path) -> None:
    """Setuptools and distlib bring `.exe` files; they warn, while those of other wheels are errors."""
    files = {"my_lib/cli.exe": _pe(), f"{_DIST}/RECORD": "my_lib/cli.exe,,\n", f"{_DIST}/WHEEL": _PURE}
    assert [(item.rule, item.severity) for item in found(tmp_path, files)] == [(Rule.FORMAT, Severity.WARNING)]
    files[f"{_DIST}/WHEEL"] = _wheel_file("cp312-cp312-win_amd64")
    assert [item.severity for item in found(tmp_path, files)] == [Severity.ERROR]


def test_a_distribution_for_every_system_may_bring_all_of_them(tmp_path: Path) -> None:
    """A pure wheel with one file per system only warns of the others, if the target's is among them."""
    files: dict[str, Content] = {
        "my_lib/linux.so": _CORE,
        "my_lib/intel.so": elf(X86_64),
        "my_lib/mac.dylib": _MACHO,
        "my_lib/windows.dll": _pe(),
        f"{_DIST}/RECORD": "".join(
            f"my_lib/{name},,\n" for name in ("linux.so", "intel.so", "mac.dylib", "windows.dll")
        ),
        f"{_DIST}/WHEEL": _PURE,
    }
    assert {item.severity for item in found(tmp_path, files)} == {Severity.WARNING}
    del files["my_lib/linux.so"]
    assert {item.severity for item in found(tmp_path, files)} == {Severity.ERROR}


def test_node_packages_bring_all_systems_too(tmp_path: Path) -> None:
    """`prebuilds/` of a Node package are told by its name and version, and only warn next to the target's."""
    files: dict[str, Content] = {
        "node_modules/bcrypt/package.json": '{"name": "bcrypt", "version": "6.0.0"}',
        "node_modules/bcrypt/prebuilds/linux-arm64/bcrypt.glibc.node": _CORE,
        "node_modules/bcrypt/prebuilds/linux-arm64/bcrypt.musl.node": elf(needed=["libc.musl-aarch64.so.1"]),
        "node_modules/bcrypt/prebuilds/win32-x64/bcrypt.node": _pe(),
    }
    findings = found(tmp_path, files, NODE)
    assert {(item.rule, item.severity, item.distribution) for item in findings} == {
        (Rule.ABI, Severity.WARNING, "bcrypt 6.0.0"),
        (Rule.FORMAT, Severity.WARNING, "bcrypt 6.0.0"),
    }


def test_a_module_for_another_python_beside_the_right_one_is_dead_weight(tmp_path: Path) -> None:
    """The import system never looks at it."""
    files = {f"a{_SUFFIX}": _CORE, "a.cpython-311-aarch64-linux-gnu.so": _CORE}
    assert [(item.rule, item.severity) for item in found(tmp_path, files)] == [(Rule.ABI, Severity.WARNING)]


@pytest.mark.parametrize(
    ("files", "owner"),
    [
        ({f"{_DIST}/METADATA": ""}, "my-lib 1.0"),
        ({"other-2.dist-info/top_level.txt": "my_lib\n"}, "other 2"),
        ({"other-2.dist-info/METADATA": "Import-Name: my_lib ; private\n\nbody"}, "other 2"),
        ({"other-2.dist-info/RECORD": "my_lib/a.so,sha256=x,1\n"}, "other 2"),
        ({"other-2.dist-info/RECORD": '"my_lib/a.so\n'}, "other 2"),
        ({"other-2.dist-info/RECORD": "\xff" * 10}, ""),
        ({}, ""),
    ],
)
def test_origins_are_found_without_record(tmp_path: Path, files: dict[str, Content], owner: str) -> None:
    """Without a RECORD the names of directories and what the distribution says of itself tell who brought a file."""
    assert [item.distribution for item in found(tmp_path, {"my_lib/a.so": elf(X86_64), **files})] == [owner]
    below = {f"python/{name}": content for name, content in {"my_lib.libs/a.so": elf(X86_64), **files}.items()}
    if f"python/{_DIST}/METADATA" in below:
        assert [item.distribution for item in found(tmp_path, below)] == [owner]


def test_the_assembly_may_tell_origins(tmp_path: Path) -> None:
    """What the caller knows of a file's origin goes before what the zip says."""
    files = {"my_lib/a.so": elf(X86_64), f"{_DIST}/METADATA": ""}
    assert found(tmp_path, files, origins={"my_lib/a.so": "known 3"})[0].distribution == "known 3"


def test_placeholders_are_found(tmp_path: Path) -> None:
    """A distribution of nothing but empty files, such as pydantic-core 0.0.1, is an error unless it needs others."""
    files: dict[str, Content] = {"my_lib/__init__.py": b"", f"{_DIST}/METADATA": "Name: my-lib\n", "handler.py": "x"}
    findings = found(tmp_path, files)
    assert [(item.rule, item.subject) for item in findings] == [(Rule.PLACEHOLDER, "my-lib")]
    files[f"{_DIST}/METADATA"] = "Name: my-lib\nRequires-Dist: lxml\n"
    assert found(tmp_path, files) == []


def _pyc(magic: int, flags: int, seconds: int, size: int) -> bytes:
    return struct.pack("<H2sIII", magic, b"\r\n", flags, seconds, size)


@pytest.mark.parametrize(
    ("name", "header", "reason"),
    [
        ("a.cpython-312.pyc", _pyc(3531, 3, 0, 0), None),
        ("a.cpython-312.opt-1.pyc", _pyc(3531, 1, 0, 0), None),
        ("a.cpython-312.pyc", _pyc(3531, 0, 315_532_800, 4), None),
        ("a.cpython-312.pyc", _pyc(3531, 0, 1_700_000_000, 4), "another time"),
        ("a.cpython-312.pyc", _pyc(3531, 0, 315_532_800, 5), "another time"),
        ("a.cpython-311.pyc", _pyc(3495, 3, 0, 0), "another Python"),
        ("a.cpython-312.pyc", _pyc(3495, 3, 0, 0), "another Python"),
        ("b.cpython-312.pyc", _pyc(3531, 3, 0, 0), "no source"),
        ("a.cpython-312.pyc", b"", "another Python"),
    ],
)
def test_bytecode_that_is_never_used_is_told(tmp_path: Path, name: str, header: bytes, reason: str | None) -> None:
    """Compiled files of another Python, without source, or whose source has another time or size are a warning."""
    findings = found(tmp_path, {"a.py": "abcd", f"__pycache__/{name}": header})
    assert [(item.rule, item.severity, item.subject) for item in findings] == (
        [(Rule.BYTECODE, Severity.WARNING, reason)] if reason else []
    )


def test_doubles_and_clashes_are_found(tmp_path: Path) -> None:
    """One name twice, also in another case, and a file that others use as a directory, are errors."""
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        for name in ("a.py", "a.py", "A.py", "d", "d/e"):
            info = zipfile.ZipInfo(name)
            info.external_attr = 0o100644 << 16
            archive.writestr(info, name)
    findings = inspect(tmp_path / "x.zip", ARM).findings
    assert [(item.rule, item.file) for item in findings] == [
        (Rule.DUPLICATE, "A.py"),
        (Rule.DUPLICATE, "a.py"),
        (Rule.NAME, "d"),
    ]


def test_layers_count_for_the_size(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is for all that is unpacked, and what is largest is named."""
    big = make_zip(tmp_path / "layer.zip", {"lib/data": b"\0" * 600})
    package = make_zip(tmp_path / "x.zip", {"a/b": b"\0" * 500, "c": b"\0"})
    monkeypatch.setattr("orchestrator.packaging.inspection.whole.UNZIPPED_LIMIT_BYTES", 1100)
    assert inspect(package, ARM).findings == ()
    (finding,) = inspect(package, ARM, layers=[big]).findings
    assert (finding.rule, finding.file) == (Rule.SIZE, "x.zip")
    assert finding.observed == "1101 bytes unzipped (largest: `a` 500, `c` 1, layers 600)"
    assert inspect(package, ARM, layers=[big]).layers_unzipped_bytes == 600
    many = [make_zip(tmp_path / f"{number}.zip", {"lib/x": ""}) for number in range(6)]
    assert [item.observed for item in inspect(package, ARM, layers=many).findings] == ["6 layers"]


def test_a_bomb_is_not_unpacked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A member that alone is over the limit, and what is beyond the budget, is not even read."""
    read: list[str] = []
    real = contents.read_member

    def reading(content: memoryview, member: contents.Member) -> bytearray | memoryview:
        read.append(member.name)
        return real(content, member)

    monkeypatch.setattr(contents, "read_member", reading)
    monkeypatch.setattr(contents, "_MOST_BYTES", UNZIPPED_LIMIT_BYTES)
    chunk = b"\0" * (UNZIPPED_LIMIT_BYTES // 2 + 1)
    with zipfile.ZipFile(tmp_path / "x.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
        for name, times in (("bomb", 3), ("half", 1), ("other half", 1)):
            with archive.open(name, "w") as member:
                for _ in range(times):
                    member.write(chunk)
    findings = inspect(tmp_path / "x.zip", ARM).findings
    assert sorted(read) == ["half"]
    assert Rule.SIZE in {item.rule for item in findings}


def test_members_that_cannot_be_read_are_found(tmp_path: Path) -> None:
    """A damaged member is one finding; the others are inspected all the same."""
    path = make_zip(tmp_path / "x.zip", {"a.py": b"a" * 100, "b.so": elf(X86_64)})
    content = bytearray(path.read_bytes())
    for position in (14, content.index(b"PK\x01\x02") + 16):
        content[position] ^= 1
    path.write_bytes(content)
    findings = inspect(path, ARM).findings
    assert [(item.rule, item.file) for item in findings] == [(Rule.CONTENT, "a.py"), (Rule.MACHINE, "b.so")]
    assert "checksum" in findings[0].observed


def test_what_is_no_zip_is_a_finding(tmp_path: Path) -> None:
    """An unreadable package or layer, and an empty one, end in a report like everything else."""
    (tmp_path / "x.zip").write_bytes(b"PK no")
    good = make_zip(tmp_path / "good.zip", {"a": "x"})
    for package, layers in ((tmp_path / "x.zip", []), (good, [tmp_path / "x.zip"])):
        inspection = inspect(package, ARM, layers=layers)
        assert [(item.rule, item.file) for item in inspection.errors] == [(Rule.CONTENT, "x.zip")]
    assert [item.rule for item in inspect(make_zip(tmp_path / "e.zip", {}), ARM).errors] == [Rule.CONTENT]


def test_what_is_allowed_stands_aside_with_its_reason(tmp_path: Path) -> None:
    """An allowance covers rule, file and subject by patterns, and nothing else."""
    path = make_zip(tmp_path / "x.zip", {"cv2/a.so": elf(needed=["libGL.so.1", "libSM.so.6"]), "b.so": elf(X86_64)})
    allowed = [Allowance(Rule.LIBRARY, "never draws", "cv2/*", "libGL*"), Allowance(Rule.MACHINE, "?", "c*")]
    inspection = inspect(path, ARM, allowed=allowed)
    assert [item.subject for item in inspection.findings] == ["x86_64", "libSM.so.6"]
    assert [(item.finding.subject, item.reason) for item in inspection.allowed] == [("libGL.so.1", "never draws")]


def test_old_runtimes_have_old_libraries(tmp_path: Path) -> None:
    """The same file passes on Amazon Linux 2023 and not on Amazon Linux 2."""
    library = elf(X86_64, needed=["libc.so.6"], versions={"libc.so.6": {"GLIBC_2.28": (False, ["fcntl64"])}})
    assert [item.subject for item in found(tmp_path, {"a.so": library}, INTEL_AL2)] == ["GLIBC_2.28"]
    assert found(tmp_path, {"a.so": library}, target_of("x86_64", "python3.13")) == []
