"""The story of a package, from requirements to documents, through the command line."""

from __future__ import annotations

import hashlib
import json
import platform
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

Run = Callable[..., subprocess.CompletedProcess[str]]
REQUIREMENTS = "markupsafe==3.0.2\nsix==1.17.0\n"


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a cache that the tests of this file share."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def orchestrator(tmp_path: Path, cache: Path) -> Run:
    """Give a function that runs `orchestrator package build` in an empty folder with a small application."""
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "app.py").write_text("def handler(event, context):\n    return 1\n")
    (tmp_path / "requirements.txt").write_text(REQUIREMENTS)

    def run(*arguments: str, code: int = 0, output: str = "dist/parser.zip") -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [
                *(sys.executable, "-m", "orchestrator", "package", "build", *arguments),
                *("--output", output, "--cache", str(cache)),
            ],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == code, done.stdout + done.stderr
        assert "Traceback" not in done.stderr
        return done

    return run


def test_package_and_documents_agree(orchestrator: Run, tmp_path: Path) -> None:
    """Manifest, SBOM, provenance and lock lie beside the zip, and all say the same of it."""
    done = orchestrator("src", "--requirements", "requirements.txt", "--architecture", "arm64")
    assert done.stdout.splitlines() == [
        "dist/parser.zip",
        "dist/parser.manifest.json",
        "dist/parser.cdx.json",
        "dist/parser.provenance.json",
        "dist/pylock.parser.toml",
    ]
    sha256 = hashlib.sha256((tmp_path / "dist/parser.zip").read_bytes()).hexdigest()
    manifest = json.loads((tmp_path / "dist/parser.manifest.json").read_text())
    assert manifest["sha256"] == sha256
    for key, name in (
        ("sbom", "parser.cdx.json"),
        ("provenance", "parser.provenance.json"),
        ("lock", "pylock.parser.toml"),
    ):
        assert manifest[f"{key}_sha256"] == hashlib.sha256((tmp_path / "dist" / name).read_bytes()).hexdigest()
    assert [item["name"] for item in manifest["packages"]] == ["markupsafe", "six"]
    statement = json.loads((tmp_path / "dist/parser.provenance.json").read_text())
    assert statement["subject"][0]["digest"] == {"sha256": sha256}
    with zipfile.ZipFile(tmp_path / "dist/parser.zip") as archive:
        assert archive.testzip() is None
        assert {"app.py", "six.py", "markupsafe/__init__.py"} <= set(archive.namelist())


def test_lock_of_a_package_makes_it_again(orchestrator: Run, tmp_path: Path) -> None:
    """The lock that lies beside a package gives the same bytes when it is the requirement."""
    orchestrator("src", "--requirements", "requirements.txt")
    first = (tmp_path / "dist/parser.zip").read_bytes()
    (tmp_path / "dist/pylock.parser.toml").rename(tmp_path / "pylock.toml")
    orchestrator("src", "--requirements", "pylock.toml", output="again.zip")
    assert (tmp_path / "again.zip").read_bytes() == first


def test_finding_leaves_nothing_behind(orchestrator: Run, tmp_path: Path) -> None:
    """A file for another machine ends with 5 and its name, and no zip or document stands there as if it were good."""
    wrong = bytearray(Path(sys.executable).resolve().read_bytes()[:4096])
    wrong[:20] = b"\x7fELF\x02\x01\x01" + bytes(9) + b"\x03\x00\x08\x00"  # MIPS
    (tmp_path / "src" / "native.so").write_bytes(wrong)
    (tmp_path / "dist").mkdir()
    done = orchestrator("src", code=5)
    assert "native.so" in done.stderr
    assert list((tmp_path / "dist").iterdir()) == []


def test_allowed_finding_is_remembered(orchestrator: Run, tmp_path: Path) -> None:
    """A finding that somebody allows lets the package through, and the manifest says who decided why."""
    (tmp_path / "src" / "tool.exe").write_bytes(b"MZ" + bytes(58) + (64).to_bytes(4, "little") + b"PE\0\0" + bytes(60))
    assert "tool.exe" in orchestrator("src", code=5).stderr
    orchestrator("src", "--allow", "format:tool.exe=sent to Windows machines as it is")
    manifest = json.loads((tmp_path / "dist/parser.manifest.json").read_text())
    assert [(item["file"], item["reason"]) for item in manifest["allowed"]] == [
        ("tool.exe", "sent to Windows machines as it is")
    ]


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((), "nothing to package"),
        (("src", "--architecture", "arm"), "the architecture `arm` is not known"),
        (("src", "--runtime", "python2.7"), "the runtime `python2.7` is not known"),
        (("src", "--allow", "format:tool.exe"), "`--allow format:tool.exe` is not understood"),
        (("src", "--environment", "secret"), "`--environment secret` is not understood"),
        (("absent",), "absent"),
    ],
)
def test_usage_is_explained(orchestrator: Run, arguments: tuple[str, ...], said: str) -> None:
    """What cannot be meant ends with 2, before anything is downloaded or written."""
    assert said in orchestrator(*arguments, code=2).stderr


@pytest.mark.parametrize("output", ["src/app.py", "requirements.txt", "pylock.toml"])
def test_nothing_that_is_read_is_replaced(orchestrator: Run, tmp_path: Path, output: str) -> None:
    """A package, or a document beside it, never takes the place of what it is made of."""
    (tmp_path / "pylock.toml").write_text('lock-version = "1.0"\ncreated-by = "us"\npackages = []\n')
    before = (tmp_path / output).read_bytes()
    requirements = output if output.startswith("pylock") else "requirements.txt"
    done = orchestrator("src/app.py", "--requirements", requirements, code=2, output=output)
    assert "would be replaced" in done.stderr
    assert (tmp_path / output).read_bytes() == before


def test_package_never_stands_without_its_documents(orchestrator: Run, tmp_path: Path) -> None:
    """If a document cannot be written, there is no package either, and an old one stays as it was."""
    (tmp_path / "dist" / "parser.manifest.json").mkdir(parents=True)
    assert "parser.manifest.json" in orchestrator("src", code=2).stderr
    assert not (tmp_path / "dist/parser.zip").exists()
    assert [path.name for path in (tmp_path / "dist").iterdir() if path.name.startswith(".")] == []


def test_what_has_to_be_compiled_elsewhere_is_named(orchestrator: Run, tmp_path: Path) -> None:
    """A dependency without a wheel, for a machine that this is not, ends with 1 and its name."""
    (tmp_path / "requirements.txt").write_text("psycopg2==2.9.10\n")
    foreign = "arm64" if platform.machine() == "x86_64" else "x86_64"
    done = orchestrator("--requirements", "requirements.txt", "--architecture", foreign, code=1)
    assert "psycopg2 2.9.10 has to be compiled, which is not possible here" in done.stderr
