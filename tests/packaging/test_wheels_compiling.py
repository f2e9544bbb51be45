"""What has no wheel: which indexes its build sees, and which kept wheels are believed."""

from __future__ import annotations

import hashlib
import json
import sys
import zipfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from orchestrator.packaging.compiling import compiled_wheels
from orchestrator.packaging.documents.model import Asked
from orchestrator.packaging.lock.model import LockedFile, PlannedPackage, Verdict
from orchestrator.packaging.recipe import Bench, Recipe
from orchestrator.packaging.runtimes import target_of
from orchestrator.packaging.wheels.keep import FolderKeep
from orchestrator.packaging.wheels.model import Wheel
from tests.packaging.test_wheels_compile import HASTY, HERE, RUNTIME
from tests.packaging.wheel_projects import project_files, sdist

LINES = "-i https://me:canary@index/simple\n--extra-index-url https://${CORP_TOKEN}@corp/simple\n-f ./links\n"
Compile = Callable[..., Wheel]


@pytest.fixture
def told() -> list[str]:
    """Give the list of what is narrated."""
    return []


@pytest.fixture
def compiled(tmp_path: Path, told: list[str], monkeypatch: pytest.MonkeyPatch) -> Compile:
    """Give a function that compiles the pure project `rocket` whose wheel tells its environment, with a keep."""
    for name in ("UV_INDEX", "UV_DEFAULT_INDEX", "UV_INDEX_URL", "UV_FIND_LINKS", "UV_INSECURE_HOST"):
        monkeypatch.delenv(name, raising=False)
    hasty = tmp_path / "uv"
    recorded = f"import sys; open({str(tmp_path / 'argv')!r}, 'a').write(repr(sys.argv))"
    hasty.write_text(HASTY.format(python=sys.executable).replace("import os, sys", f"import os; {recorded}"))
    hasty.chmod(0o755)
    tree = tmp_path / "tree"
    (tree / "links").mkdir(parents=True)
    settings = json.dumps({"version": "1.0", "compile": False, "tell": True})
    source = sdist(tmp_path / "rocket-1.0.tar.gz", project_files(settings))
    digest = hashlib.sha256(source.read_bytes()).hexdigest()
    package = PlannedPackage("rocket", "1.0", Verdict.COMPILE, "", LockedFile(source.name, digest))

    def run(requirements: str = "rocket\n", **asked: object) -> Wheel:
        (tree / "requirements.txt").write_text(requirements)
        wanted = replace(Asked(), **asked)  # type: ignore[arg-type]
        recipe = Recipe("function", target_of(HERE, RUNTIME), tree, (tree,), tree / "requirements.txt", wanted)
        keep = FolderKeep(tmp_path / "kept", told.append)
        bench = Bench(tmp_path / "work", tmp_path / "cache", hasty, keep, told.append)
        (wheel,) = compiled_wheels([package], {digest: source}, recipe, bench)
        return wheel

    return run


def _entry(folder: Path) -> Path:
    (entry,) = (folder / "kept").glob("*/wheel.json")
    return entry


def test_build_requirements_come_from_the_indexes_of_the_requirement_file(
    compiled: Compile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Passwords go through variables: no argument and no kept entry has one."""
    monkeypatch.setenv("CORP_TOKEN", "canary")
    monkeypatch.setenv("UV_INDEX", "named=https://first/simple")
    wheel = compiled(f"{LINES}--trusted-host corp\nrocket\n")
    with zipfile.ZipFile(wheel.path) as archive:
        seen = json.loads(archive.read("rocket/environment.json"))
    assert seen["UV_DEFAULT_INDEX"] == "https://me:canary@index/simple"
    assert seen["UV_INDEX"] == "named=https://first/simple https://canary@corp/simple"
    assert seen["UV_FIND_LINKS"].endswith("/links")
    assert seen["UV_INSECURE_HOST"] == "corp"
    assert "CORP_TOKEN" not in seen
    indexes = json.loads(_entry(tmp_path).read_text())["shape"]["indexes"]
    assert indexes == "https://first/simple, https://corp/simple, https://index/simple, ./links"
    assert "canary" not in _entry(tmp_path).read_text() + (tmp_path / "argv").read_text()


def test_without_any_index_uv_is_told_so(compiled: Compile, tmp_path: Path) -> None:
    """`--no-index` holds for what build scripts require, too."""
    compiled("--no-index\nrocket\n")
    assert "--no-index" in (tmp_path / "argv").read_text()


@pytest.mark.parametrize("change", ["CPATH", "allow_pure", "index"])
def test_a_kept_wheel_is_for_the_same_surroundings(
    compiled: Compile, told: list[str], monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """The search paths of the image, what is allowed and where requirements come from: each makes another wheel."""
    compiled()
    compiled()
    assert len([line for line in told if "compiled before" in line]) == 1
    if change == "CPATH":
        monkeypatch.setenv("CPATH", "/opt/include")
    compiled(
        LINES if change == "index" else "rocket\n", **{"allow_pure": ("rocket",)} if change == "allow_pure" else {}
    )
    assert len([line for line in told if "compiled before" in line]) == 1


def test_folders_that_each_build_has_anew_are_no_other_surroundings(
    compiled: Compile, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A search path below the temporary folder is the same one in the next build."""
    for folder in ("/tmp/one", "/tmp/two"):  # noqa: S108 - names only
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setenv("CPATH", f"{folder}/system/include")
        compiled()
    assert any("compiled before" in line for line in told)


@pytest.mark.parametrize("lie", [{"name": "another"}, {"version": "2.0"}])
def test_a_kept_wheel_of_another_package_is_passed_over(
    compiled: Compile, told: list[str], tmp_path: Path, lie: dict[str, str]
) -> None:
    """Whoever put it there: it is compiled, and the log says why."""
    compiled()
    entry = json.loads(_entry(tmp_path).read_text())
    _entry(tmp_path).write_text(json.dumps({**entry, "wheel": {**entry["wheel"], **lie}}))
    wheel = compiled()
    assert (wheel.name, wheel.version) == ("rocket", "1.0")
    assert any("is passed over: it is " in line for line in told)
