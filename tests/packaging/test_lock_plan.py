"""Plans against an index that is made up: what is a wheel, what is compiled, what cannot be had, and why."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_index import FakeIndex, sdist, serving, wheel

from orchestrator.errors import BuildFailed, ConfigurationError, MachineryError, Refused
from orchestrator.packaging.lock.model import DependencyPlan, Verdict
from orchestrator.packaging.lock.plan import plan_dependencies, refuse_impossible
from orchestrator.packaging.lock.uv import Uv
from orchestrator.packaging.programs import program
from orchestrator.packaging.runtimes import target_of

OLD = "cp311-cp311-manylinux_2_17_aarch64"
NEW = "cp311-cp311-manylinux_2_28_aarch64"
BETWEEN = "cp311-cp311-manylinux_2_24_aarch64"
ELSEWHERE = "cp311-cp311-macosx_11_0_arm64"
Planner = Callable[..., DependencyPlan]


@pytest.fixture
def index() -> Iterator[FakeIndex]:
    """Give an empty index."""
    with serving(FakeIndex()) as running:
        yield running


@pytest.fixture(scope="session")
def uv_cache() -> Iterator[Path]:
    """Give one cache to all plans."""
    with tempfile.TemporaryDirectory() as name:
        yield Path(name)


@pytest.fixture
def plan(index: FakeIndex, tmp_path: Path, uv_cache: Path, monkeypatch: pytest.MonkeyPatch) -> Planner:
    """Give a planner: content of the requirement file, other files, target."""
    for name in [name for name in os.environ if name.startswith(("UV_", "PIP_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("UV_DEFAULT_INDEX", index.simple)
    monkeypatch.setenv("UV_CACHE_DIR", str(uv_cache))
    monkeypatch.setenv("HOME", str(tmp_path))

    def run(
        requirements: str,
        files: dict[str, str | bytes] | None = None,
        *,
        name: str = "requirements.txt",
        architecture: str = "arm64",
        runtime: str = "python3.11",
        tree: Path | None = None,
        **options: Any,
    ) -> DependencyPlan:
        tree = tree or tmp_path / "tree"
        for path, content in {name: requirements, **(files or {})}.items():
            (tree / path).parent.mkdir(parents=True, exist_ok=True)
            (tree / path).write_bytes(content.encode() if isinstance(content, str) else content)
        target = target_of(architecture, runtime)
        uv = Uv(program("uv"), Path(tempfile.mkdtemp(dir=tmp_path)), uv_cache, target, {})
        return plan_dependencies(tree / name, tree, tree, target, uv, lambda _line: None, **options)

    return run


def _verdicts(found: DependencyPlan) -> dict[str, str]:
    return {str(package): package.verdict.value for package in found.packages}


def _reason(found: DependencyPlan, name: str) -> str:
    return next(package.reason for package in found.packages if package.name == name)


def test_an_older_version_with_a_wheel_beats_compiling(index: FakeIndex, plan: Planner) -> None:
    """Nobody has to pin numpy for Amazon Linux 2: the newest version that its C library can load is taken."""
    index.add(wheel("numpy", "2.4", NEW), sdist("numpy", "2.4"), wheel("numpy", "2.2", OLD), sdist("numpy", "2.2"))
    index.add(sdist("docopt", "0.6"))
    assert _verdicts(plan("numpy\n")) == {"numpy 2.2": "wheel"}
    assert _verdicts(plan("numpy\ndocopt\n")) == {"docopt 0.6": "compile", "numpy 2.2": "wheel"}


def test_a_dependency_of_a_dependency_is_held_to_wheels_too(index: FakeIndex, plan: Planner) -> None:
    """What is only required by others is not compiled either, as long as an older version will do."""
    index.add(wheel("numpy", "2.4", NEW), sdist("numpy", "2.4"), wheel("numpy", "2.2", OLD))
    index.add(wheel("loose", "1", requires=["numpy"]), wheel("strict", "1", requires=["numpy>=2.4"]))
    index.add(sdist("docopt", "0.6"))
    assert _verdicts(plan("loose\ndocopt\n"))["numpy 2.2"] == "wheel"
    assert _verdicts(plan("strict\ndocopt\n"))["numpy 2.4"] == "compile"


def test_a_pinned_version_without_wheel_is_compiled_and_says_what_would_not_be(index: FakeIndex, plan: Planner) -> None:
    """The reason names the target and the newest version that has a wheel for it."""
    index.add(wheel("numpy", "2.4.6", NEW), sdist("numpy", "2.4.6"), wheel("numpy", "2.2.6", OLD))
    found = plan("numpy==2.4.6\n")
    assert _verdicts(found) == {"numpy 2.4.6": "compile"}
    assert _reason(found, "numpy") == (
        "no wheel of numpy 2.4.6 for glibc <= 2.26 on aarch64 / cp311; "
        "newest numpy with a wheel for glibc <= 2.26 is 2.2.6"
    )
    assert found.packages[0].file is not None
    assert found.packages[0].file.name == "numpy-2.4.6.tar.gz"


def test_a_wheel_between_the_levels_of_uv_is_taken(index: FakeIndex, plan: Planner) -> None:
    """Between the levels of uv, 2_17 and 2_28, a wheel for 2_24 runs on 2.26 and is not compiled."""
    index.add(wheel("pyodbc", "5", BETWEEN), sdist("pyodbc", "5"))
    found = plan("pyodbc==5\n")
    assert _verdicts(found) == {"pyodbc 5": "wheel"}
    assert b"manylinux_2_24" in found.text


def test_nobodys_code_runs_for_a_plan(index: FakeIndex, plan: Planner, tmp_path: Path) -> None:
    """What a source distribution requires is read from its files; its `setup.py` is not run, deep down neither."""
    ran = tmp_path / "ran"
    setup = f"open({str(ran)!r}, 'w')\nraise SystemExit(1)\n"
    index.add(sdist("old", "1", requires=["deep", "unix ; sys_platform == 'linux'"], setup=setup))
    index.add(sdist("deep", "2", requires=["[extra]", "never", "[:python_version<'3']", "legacy"], setup=setup))
    index.add(wheel("unix", "3"), wheel("above", "1", requires=["deep"]))
    assert _verdicts(plan("old\n")) == {"deep 2": "compile", "old 1": "compile", "unix 3": "wheel"}
    assert _verdicts(plan("above\n")) == {"above 1": "wheel", "deep 2": "compile"}
    assert not ran.exists()


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("nothing", "no index has a project `nothing`"),
        ("six==99", "no version of six satisfies `==99`; the newest is 1.17"),
        ("withdrawn>=2", "every version of withdrawn that satisfies `>=2` is yanked"),
        ("modern", "modern 3 requires Python >=3.12, the target has 3.11"),
        (
            "apple",
            "apple 1 has no wheel for glibc <= 2.26 on aarch64 / cp311 (only cp311 macosx_11_0_arm64) "
            "and no source distribution",
        ),
    ],
)
def test_what_cannot_be_had_says_why(index: FakeIndex, plan: Planner, line: str, reason: str) -> None:
    """Each has its reason, and the rest of the plan is there all the same."""
    index.add(wheel("six", "1.17"), wheel("apple", "1", ELSEWHERE), wheel("other", "1"))
    index.add(wheel("modern", "3", python=">=3.12"), python=">=3.12")
    index.add(wheel("withdrawn", "1"))
    index.add(wheel("withdrawn", "2"), yanked=True)
    found = plan(f"{line}\n{'six' if 'six' not in line else 'other'}\n")
    assert [package.reason for package in found.having(Verdict.IMPOSSIBLE)] == [reason]
    assert len(found.having(Verdict.WHEEL)) == 1
    with pytest.raises(BuildFailed, match=line[:3]) as caught:
        refuse_impossible(found)
    assert reason in caught.value.detail


def test_contradictions_are_told_in_full(index: FakeIndex, plan: Planner) -> None:
    """Requirements that cannot be true together are a failure of the package, naming both."""
    index.add(wheel("a", "1", requires=["six<2"]), wheel("b", "1", requires=["six>=2"]))
    index.add(wheel("six", "1"), wheel("six", "2"))
    with pytest.raises(BuildFailed, match=r"python3\.11 on arm64") as caught:
        plan("a\nb\n")
    assert "six" in caught.value.detail


def test_a_pure_fallback_is_not_taken_silently(index: FakeIndex, plan: Planner) -> None:
    """A release that is compiled for others is compiled for this target too, unless the user wants the fallback."""
    index.add(wheel("fast", "2"), wheel("fast", "2", "cp312-cp312-musllinux_1_2_x86_64"), sdist("fast", "2"))
    found = plan("fast\n")
    assert _verdicts(found) == {"fast 2": "compile"}
    assert found.packages[0].fallback
    # Our own lock lists the source alone: used as a lock, it does not make the fallback acceptable.
    (again,) = plan(found.text.decode(), name="pylock.toml").packages
    assert again.fallback
    assert "`allow_pure: [fast]`" in again.reason
    assert "`allow_pure: [fast]`" in _reason(found, "fast")
    assert _verdicts(plan("fast\n", pure=["Fast"])) == {"fast 2": "wheel"}
    index.add(wheel("fast", "1", OLD))
    assert _verdicts(plan("fast\n")) == {"fast 1": "wheel"}
    del index.files["fast-2.tar.gz"]
    assert _verdicts(plan("fast==2\n")) == {"fast 2": "impossible"}


def test_a_wheel_that_lacks_only_what_other_systems_need_is_no_fallback(index: FakeIndex, plan: Planner) -> None:
    """`asyncio` 3.4.3 has machine code for Windows, and is whole without on Linux; the same holds in a lock."""
    index.add(wheel("loop", "2"), wheel("loop", "2", "cp33-none-win32"), wheel("loop", "2", ELSEWHERE))
    index.add(sdist("loop", "2"))
    assert _verdicts(plan("loop\n")) == {"loop 2": "wheel"}
    assert _verdicts(plan("loop==2\n")) == {"loop 2": "wheel"}


def test_a_placeholder_is_never_taken(index: FakeIndex, plan: Planner) -> None:
    """A wheel without code that reserves a name does not stand in for the versions that have some."""
    index.add(wheel("core", "0.0.1", content=b""), wheel("core", "1", ELSEWHERE), sdist("core", "1"))
    assert _verdicts(plan("core\n")) == {"core 1": "compile"}
    found = plan("core==0.0.1\n")
    assert _verdicts(found) == {"core 0.0.1": "impossible"}
    assert "placeholder" in _reason(found, "core")


def test_what_the_user_says_about_wheels_holds(index: FakeIndex, plan: Planner) -> None:
    """`--no-binary` compiles what has a wheel, `--only-binary` makes compiling impossible."""
    index.add(wheel("six", "1"), sdist("six", "1"), sdist("docopt", "1"))
    assert _verdicts(plan("--no-binary six\nsix\n")) == {"six 1": "compile"}
    found = plan("--only-binary :all:\ndocopt\nsix\n")
    assert _verdicts(found) == {"docopt 1": "impossible", "six 1": "wheel"}
    assert "--only-binary" in _reason(found, "docopt")


def test_a_hashed_file_restricts_the_files(index: FakeIndex, plan: Planner) -> None:
    """Only files whose hash is listed are taken: another wheel, the source, or none at all."""
    index.add(wheel("six", "1"), sdist("six", "1"), wheel("fast", "1", OLD), wheel("fast", "1", BETWEEN))
    source, pure = index.sha256("six-1.tar.gz"), index.sha256("six-1-py3-none-any.whl")
    older = index.sha256(f"fast-1-{OLD}.whl")
    found = plan(f"six==1 --hash=sha256:{pure} --hash=sha256:{source}\nfast==1 --hash=sha256:{older}\n")
    assert (found.made, _verdicts(found)) == (False, {"fast 1": "wheel", "six 1": "wheel"})
    assert BETWEEN.encode() not in found.text
    assert _verdicts(plan(f"six==1 --hash=sha256:{source}\n")) == {"six 1": "compile"}
    with pytest.raises(Refused, match="six 1") as caught:
        plan(f"six==1 --hash=sha256:{'0' * 64}\n")
    assert pure in caught.value.detail
    assert "0" * 64 in caught.value.detail


def test_a_hashed_file_has_to_be_complete(index: FakeIndex, plan: Planner) -> None:
    """A missing line is named before anything is packed, and so is a line without a hash."""
    index.add(wheel("a", "1", requires=["six"]), wheel("six", "1"))
    hashed = f"a==1 --hash=sha256:{index.sha256('a-1-py3-none-any.whl')}\n"
    with pytest.raises(BuildFailed, match="`six`"):
        plan(hashed)
    with pytest.raises(ConfigurationError) as caught:
        plan(f"{hashed}six==1\n")
    assert "six==1" in caught.value.detail


def test_a_lock_is_the_same_text_everywhere(index: FakeIndex, plan: Planner, tmp_path: Path) -> None:
    """The text depends on the requirements and the index, not on directories; it says for which target it is."""
    index.add(wheel("six", "1"), sdist("six", "1"), sdist("docopt", "1"))
    here, there = (plan("six\ndocopt\n./lib\n", LIBRARY, tree=tmp_path / name) for name in ("a", "b/c"))
    assert here.text == there.text
    assert str(tmp_path).encode() not in here.text
    again = plan(here.text.decode(), name="pylock.toml", tree=tmp_path / "a")
    assert (again.text, again.made, _verdicts(again)) == (here.text, False, _verdicts(here))
    with pytest.raises(ConfigurationError, match=r"nothing for python3\.11 on x86_64"):
        plan(here.text.decode(), name="pylock.toml", tree=tmp_path / "a", architecture="x86_64")


LIBRARY: dict[str, str | bytes] = {
    "lib/pyproject.toml": '[project]\nname = "mylib"\nversion = "1.0"\ndependencies = ["six"]\n'
    '[project.optional-dependencies]\nmore = ["idna"]\n',
    "lib/mylib.py": "",
}
PYLOCK = 'lock-version = "1.0"\ncreated-by = "x"\n[[packages]]\nname = "numpy"\nversion = "2"\n'


def test_a_lock_of_the_repository_is_used_as_it_is(index: FakeIndex, plan: Planner) -> None:
    """It is not resolved again, its wheels up to the target's C library count, and what is missing says so."""
    files = [f"numpy-2-{tag}.whl" for tag in (BETWEEN, NEW)]
    entries = ", ".join(
        f'{{ url = "{index.url}/files/{name}", hashes = {{ sha256 = "{"a" * 64}" }} }}' for name in files
    )
    found = plan(f"{PYLOCK}wheels = [{entries}]\n", name="pylock.prod.toml")
    assert _verdicts(found) == {"numpy 2": "wheel"}
    assert "manylinux_2_24" in _reason(found, "numpy")
    assert index.asked == []
    other = plan(f"{PYLOCK}wheels = [{entries}]\n", name="pylock.prod.toml", architecture="x86_64")
    assert _verdicts(other) == {"numpy 2": "impossible"}
    assert "no source distribution" in _reason(other, "numpy")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("{", ConfigurationError),
        ('lock-version = "1.0"\n', ConfigurationError),
        ('lock-version = "9.0"\ncreated-by = "x"\npackages = []\n', ConfigurationError),
        (f'{PYLOCK.replace("2", "1")}directory = {{ path = "../../outside" }}\n', Refused),
        (f"{PYLOCK}wheels = []\n", ConfigurationError),
        (f'requires-python = ">=3.12"\n{PYLOCK}directory = {{ path = "." }}\n', ConfigurationError),
    ],
)
def test_a_lock_that_is_none_is_refused(plan: Planner, text: str, error: type[Exception]) -> None:
    """What is no lock, not for this Python, or reaches out of the repository is an error of its own."""
    with pytest.raises(error):
        plan(text, name="pylock.toml")


def test_uv_lock_is_exported_without_the_project(index: FakeIndex, plan: Planner, uv_cache: Path) -> None:
    """What `uv lock` wrote decides for every target; the project itself and its groups for development stay out."""
    index.add(wheel("six", "1"), wheel("idna", "1"), sdist("idna", "1"))
    digest, url = index.sha256("six-1-py3-none-any.whl"), index.simple
    lock = f"""version = 1
revision = 3
requires-python = ">=3.13"

[[package]]
name = "app"
version = "1"
source = {{ virtual = "." }}
dependencies = [{{ name = "six" }}]

[package.metadata]
requires-dist = [{{ name = "six" }}]

[[package]]
name = "six"
version = "1"
source = {{ registry = "{url}" }}
wheels = [{{ url = "{index.url}/files/six-1-py3-none-any.whl", hash = "sha256:{digest}" }}]
"""
    project = '[project]\nname = "app"\nversion = "1"\nrequires-python = ">=3.13"\ndependencies = ["six"]\n'
    found = plan(lock, {"pyproject.toml": project}, name="uv.lock", runtime="python3.13")
    assert (found.made, _verdicts(found)) == (False, {"six 1": "wheel"})
    with pytest.raises(ConfigurationError, match=r"uv\.lock"):
        plan(lock, name="uv.lock", runtime="python3.11")


def test_a_project_file_is_read(index: FakeIndex, plan: Planner) -> None:
    """`pyproject.toml` gives its dependencies, also those that lie in the repository."""
    index.add(wheel("six", "1"), wheel("numpy", "2", NEW), sdist("numpy", "2"), wheel("numpy", "1", OLD))
    project = '[project]\nname = "app"\nversion = "1"\ndependencies = ["numpy", "mylib"]\n'
    project += '[tool.uv.sources]\nmylib = { path = "lib" }\n'
    found = plan(project, LIBRARY, name="pyproject.toml")
    assert _verdicts(found) == {"mylib": "compile", "numpy 1": "wheel", "six 1": "wheel"}
    with pytest.raises(Refused, match="outside"):
        plan(project.replace('"lib"', '"../lib"'), name="pyproject.toml")
    with pytest.raises(ConfigurationError, match=r"\[project\]"):
        plan("[tool.x]\n", name="pyproject.toml")


@pytest.mark.parametrize("line", ["-e ./lib[more]", "./lib[more]", "mylib[more] @ ./lib", "./li b[more]"])
def test_own_projects_are_source_trees(index: FakeIndex, plan: Planner, tmp_path: Path, line: str) -> None:
    """A directory of the repository is built where the target is, with its extras; no path of this machine is kept."""
    index.add(wheel("six", "1"), wheel("idna", "1"))
    files = {path.replace("lib/", "li b/" if "li b" in line else "lib/"): text for path, text in LIBRARY.items()}
    found = plan(f"{line}\n", files)
    assert {**_verdicts(found)} == {"idna 1": "wheel", "mylib": "compile", "six 1": "wheel"}
    source = next(package.source for package in found.packages if package.source)
    assert source.directory == tmp_path / "tree" / ("li b" if "li b" in line else "lib")


def test_wheels_of_the_repository_are_checked_like_others(index: FakeIndex, plan: Planner, tmp_path: Path) -> None:
    """A wheel by its path is taken if it fits the target, and known by its digest; so is a folder of wheels."""
    good, bad = wheel("own", "1", OLD), wheel("alien", "1", ELSEWHERE)
    files = {f"vendor/{name}": content for name, content in (good, bad)}
    found = plan(f"./vendor/{good[0]}\n", files)
    assert _verdicts(found) == {"own 1": "wheel"}
    assert found.packages[0].file is not None
    assert found.packages[0].file.path == tmp_path / "tree" / "vendor" / good[0]
    linked = plan("--find-links vendor\nown\n", files)
    assert linked.packages[0].file == found.packages[0].file
    assert b"file:" not in linked.text
    assert _verdicts(plan(f"./vendor/{bad[0]}\n", files)) == {"alien 1": "impossible"}


def test_direct_urls_are_known_by_digest(index: FakeIndex, plan: Planner) -> None:
    """A URL is a wheel or something to compile like any other file, and its hash in the file is checked."""
    index.add(wheel("six", "1"), sdist("docopt", "1", setup="from setuptools import setup\nsetup()\n"))
    line = f"six @ {index.url}/files/six-1-py3-none-any.whl"
    assert _verdicts(plan(f"{line}\n")) == {"six 1": "wheel"}
    with pytest.raises(Refused, match="six"):
        plan(f"{line} --hash=sha256:{'0' * 64}\n")


@pytest.mark.parametrize("html", [False, True])
def test_a_private_index_gets_its_password_and_nobody_else(
    index: FakeIndex, plan: Planner, tmp_path: Path, html: bool
) -> None:
    """The login reaches that index only, in JSON or HTML, and is not in the lock."""
    with serving(FakeIndex(login="robot:s3cret", html=html)) as private:
        private.add(wheel("fast", "2", NEW), sdist("fast", "2"), wheel("fast", "1", OLD))
        private.add(sdist("only", "1"))
        index.add(wheel("six", "1"), wheel("fast", "9", OLD))
        address = private.simple.replace("://", "://robot:s3cret@")
        found = plan(f"--extra-index-url {address}\nfast\nonly\nsix\n")
    assert _verdicts(found) == {"fast 1": "wheel", "only 1": "compile", "six 1": "wheel"}
    assert b"s3cret" not in found.text
    assert not any(header for _, header in index.asked)
    assert all(header for path, header in private.asked if path.startswith("/files/only"))


def test_an_index_out_of_reach_is_nobodys_fault(plan: Planner, monkeypatch: pytest.MonkeyPatch) -> None:
    """No network ends with a failure that is worth trying again."""
    monkeypatch.setenv("UV_HTTP_RETRIES", "0")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    with pytest.raises(MachineryError, match=r"python3\.11 on arm64"):
        plan("-i http://127.0.0.1:9/simple\nsix\n")


def test_nothing_required_gives_an_empty_plan(index: FakeIndex, plan: Planner) -> None:
    """A file of comments is a plan without packages."""
    assert plan("# nothing yet\n").packages == ()
    assert index.asked == []


@pytest.mark.parametrize("line", ["six==", "???", "six idna"])
def test_a_line_that_nobody_can_read_is_to_be_corrected(plan: Planner, line: str) -> None:
    """The file is wrong, not the package: exit 2, and the line."""
    with pytest.raises(ConfigurationError, match="requirements cannot be had") as caught:
        plan(f"{line}\n")
    assert line[:1] in caught.value.detail


def test_a_cache_that_cannot_be_used_is_named(
    index: FakeIndex, plan: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The folder is wrong, not the requirements: exit 2 at once, with its name."""
    index.add(wheel("six", "1"))
    (tmp_path / "file").touch()
    monkeypatch.setenv("UV_CACHE_DIR", str(tmp_path / "file" / "uv"))
    with pytest.raises(ConfigurationError, match="file/uv"):
        plan("six\n")


def test_a_variable_of_the_requirement_file_reaches_uv_and_no_other_does(
    index: FakeIndex, plan: Planner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`${NAME}` is the user's word that uv needs it; a build script that is asked for metadata sees nothing else."""
    monkeypatch.setenv("CORP_INDEX", index.simple)
    monkeypatch.setenv("MY_ID_TOKEN", "canary")
    monkeypatch.delenv("UV_DEFAULT_INDEX")
    index.add(wheel("six", "1"))
    backend = (
        "import os\n"
        "def prepare_metadata_for_build_wheel(folder, settings=None):\n"
        "    assert 'MY_ID_TOKEN' not in os.environ\n"
        "    os.mkdir(f'{folder}/lib-1.dist-info')\n"
        "    with open(f'{folder}/lib-1.dist-info/METADATA', 'w') as file:\n"
        "        file.write('Metadata-Version: 2.1\\nName: lib\\nVersion: 1\\n')\n"
        "    return 'lib-1.dist-info'\n"
        "def build_wheel(*_): raise SystemExit(1)\n"
    )
    project = '[build-system]\nrequires = []\nbuild-backend = "own"\nbackend-path = ["."]\n'
    found = plan("-i ${CORP_INDEX}\n./lib\nsix\n", files={"lib/pyproject.toml": project, "lib/own.py": backend})
    assert _verdicts(found)["six 1"] == "wheel"
