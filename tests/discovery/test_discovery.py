"""What `init` finds in a repository, and the file that it makes of it."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestrator.config.load import parse
from orchestrator.discovery.compose import configuration_text, missing_ignores, reasons
from orchestrator.discovery.discover import discover
from orchestrator.discovery.origin import Origin, origin_of
from orchestrator.discovery.tree import Tree
from orchestrator.errors import ConfigurationError
from orchestrator.plan.make import make_plan

HANDLER = "def lambda_handler(event, context):\n    return 1\n"
REGION = {"AWS_REGION": "eu-central-1"}


def written(files: dict[str, str], **options: Any) -> dict[str, Any]:
    """Return the packages of the file that is made for a tree; it is one that `plan` accepts."""
    found = discover(
        Tree("shop", files), options.get("origin"), options.get("environment", REGION), None, options.get("ask")
    )
    text = configuration_text(found)
    configuration = parse(text, "orchestrator.yml", {})
    read = {path: content.encode() for path, content in files.items()}.get
    plan = make_plan(configuration, base=".", read=read, tool_sha256="0" * 64, handback_sha256="0" * 64)
    assert len(plan.builds) == len(found.packages)
    assert list(reasons(found))
    document: dict[str, Any] = yaml.safe_load(text)
    assert document["region"] == "eu-central-1"
    return {name: settings or {} for name, settings in document["packages"].items()}


TREES: list[tuple[str, dict[str, str], dict[str, Any]]] = [
    ("a function at the top", {"app.py": HANDLER}, {"function": {}}),
    ("a function in src", {"src/app.py": HANDLER, "requirements.txt": "boto3"}, {"function": {"source": "src"}}),
    (
        "in a package of Python",
        {"src/shop/__init__.py": "", "src/shop/api.py": HANDLER},
        {"function": {"source": "src"}},
    ),
    ("the other name", {"fn/parse/main.py": "def handler(event, context): ..."}, {"parse": {"source": "fn/parse"}}),
    (
        "requirements above the code",
        {"parse/requirements.txt": "x", "parse/code/a.py": HANDLER},
        {"parse": {"source": "parse"}},
    ),
    ("two in one folder", {"a.py": HANDLER, "b.py": HANDLER}, {"function": {}}),
    (
        "two functions and a layer",
        {"f/a/m.py": HANDLER, "f/b/m.py": HANDLER, "layers/curl/requirements.txt": "certifi"},
        {"a": {"source": "f/a"}, "b": {"source": "f/b"}, "curl": {"kind": "layer", "source": "layers/curl"}},
    ),
    (
        "the same name twice",
        {"a/api/m.py": HANDLER, "b/api/m.py": HANDLER},
        {"api": {"source": "a/api"}, "api-2": {"source": "b/api"}},
    ),
    ("requirements only", {"requirements.txt": "requests"}, {"layer": {"kind": "layer"}}),
    ("code without handler", {"requirements.txt": "requests", "run.py": "print()"}, {"function": {}}),
    ("tests are nobody's function", {"tests/test_a.py": HANDLER, "app.py": HANDLER}, {"function": {}}),
    ("what is not Python", {"a.py": "def handler(event, context:\n", "b/c.py": HANDLER}, {"b": {"source": "b"}}),
    ("not a handler", {"a.py": "def handler(request): ...", "requirements.txt": "x"}, {"function": {}}),
    ("python-version", {"a.py": HANDLER, ".python-version": "3.13.2\n"}, {"function": {"runtime": "python3.13"}}),
    ("the default is not written", {"a.py": HANDLER, ".python-version": "3.12\n"}, {"function": {}}),
    (
        "requires-python",
        {"a.py": HANDLER, "pyproject.toml": '[project]\nrequires-python = ">=3.13"\n'},
        {"function": {"runtime": "python3.14"}},
    ),
    (
        "ours is allowed",
        {"a.py": HANDLER, "pyproject.toml": '[project]\nrequires-python = ">=3.10"\n'},
        {"function": {}},
    ),
    (
        "poetry",
        {"a.py": HANDLER, "pyproject.toml": '[tool.poetry.dependencies]\npython = "~3.11"\n'},
        {"function": {"runtime": "python3.11"}},
    ),
    (
        "a Dockerfile",
        {"a.py": HANDLER, "Dockerfile": "FROM public.ecr.aws/lambda/python:3.13-arm64\n"},
        {"function": {"runtime": "python3.13"}},
    ),
    (
        "a template, before everything else",
        {
            "a.py": HANDLER,
            ".python-version": "3.12",
            "template.yaml": "Globals:\n  Function:\n    Runtime: python3.13\n",
        },
        {"function": {"runtime": "python3.13"}},
    ),
    (
        "its architecture",
        {"a.py": HANDLER, "template.yaml": "    Architectures:\n      - x86_64\n"},
        {"function": {"architecture": "x86_64"}},
    ),
    (
        "serverless",
        {"a.py": HANDLER, "serverless.yml": "provider:\n  runtime: python3.11\n  architecture: arm64\n"},
        {"function": {"runtime": "python3.11"}},
    ),
    ("a runtime that is gone", {"a.py": HANDLER, ".python-version": "3.6"}, {"function": {}}),
    (
        "the nearest says",
        {"f/a.py": HANDLER, "f/.python-version": "3.14", ".python-version": "3.11"},
        {"f": {"source": "f", "runtime": "python3.14"}},
    ),
    (
        "another file of requirements",
        {"a.py": HANDLER, "requirements-lambda.txt": "x", "requirements-dev.txt": "y"},
        {"function": {"requirements": "requirements-lambda.txt"}},
    ),
]


@pytest.mark.parametrize(("files", "packages"), [row[1:] for row in TREES], ids=[row[0] for row in TREES])
def test_what_is_found_is_written(files: dict[str, str], packages: dict[str, Any]) -> None:
    """Only what differs from the defaults is written, and `plan` takes it."""
    assert written(files) == packages


NATIVES: list[tuple[str, dict[str, Any]]] = [
    ("psycopg2==2.9", {"dnf": ["libpq-devel"], "apt-get": ["libpq-dev"]}),
    ("psycopg2-binary", {}),
    ("python_LDAP>=3", {"dnf": ["openldap-devel", "cyrus-sasl-devel"], "apt-get": ["libldap2-dev", "libsasl2-dev"]}),
    (
        "mysqlclient",
        {
            "dnf": ["mariadb-connector-c-devel", "pkgconf-pkg-config"],
            "apt-get": ["default-libmysqlclient-dev", "pkg-config"],
        },
    ),
    ("pycurl", {"dnf": ["openssl-devel", "libcurl-devel"], "apt-get": ["libssl-dev", "libcurl4-openssl-dev"]}),
    ("lxml", {}),
    ("lxml\n--no-binary lxml", {"dnf": ["libxml2-devel", "libxslt-devel"], "apt-get": ["libxml2-dev", "libxslt1-dev"]}),
    (
        "--no-binary :all:\nLXML",
        {"dnf": ["libxml2-devel", "libxslt-devel"], "apt-get": ["libxml2-dev", "libxslt1-dev"]},
    ),
    ("# psycopg2\n-r more.txt", {"dnf": ["libpq-devel"], "apt-get": ["libpq-dev"]}),
]


@pytest.mark.parametrize(("text", "packages"), NATIVES)
def test_natives_get_their_system_packages(text: str, packages: dict[str, Any]) -> None:
    """What has to be compiled gets what it looks for, under the names of both package managers, and is tried out."""
    (found,) = written({"a.py": HANDLER, "requirements.txt": text, "more.txt": "psycopg2"}).values()
    assert found.get("system_packages", {}) == packages
    assert bool(found.get("smoke")) == bool(packages)


def test_every_native_is_known_to_the_table_of_packages() -> None:
    """Each thing that a distribution looks for has a system package in the other table, and none is misspelled."""
    from orchestrator.discovery.natives import _KINDS, MANAGERS, _table
    from orchestrator.packaging.wheels.explain import brought_by

    for name, row in _table().items():
        assert set(row) <= {*_KINDS, "environment", "smoke", "from_source"}, name
        wanted = [(kind, thing) for kind in _KINDS for thing in row.get(kind, ())]
        assert wanted and all(
            brought_by(kind, thing, manager, "3.12") for kind, thing in wanted for manager in MANAGERS
        )


def test_nothing_to_build_is_told() -> None:
    """A repository without Python gets no file, and is told what would make a package."""
    with pytest.raises(ConfigurationError, match="nothing here") as caught:
        written({"main.go": "package main"})
    assert "handler(event, context)" in caught.value.detail


@pytest.mark.parametrize(
    ("files", "told"),
    [
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.12"\nlxml = "^6"\n'}, "`poetry export"),
        ({"Pipfile": '[packages]\nlxml = "*"\n'}, "`pipenv requirements"),
        ({"fn/setup.py": "setup(install_requires=['lxml'])"}, "`fn/setup.py`"),
        ({"pyproject.toml": '[tool.poetry.dependencies]\npython = "^3.12"\n'}, "only its own code"),
        ({"pyproject.toml": "[tool.poetry\n", "Pipfile": "packages = 1"}, "only its own code"),
        ({}, "only its own code"),
        ({"Pipfile": '[packages]\nlxml = "*"\n', "requirements.txt": "lxml"}, ""),
        ({"pyproject.toml": '[project]\ndependencies = ["lxml"]\n[tool.poetry.dependencies]\nlxml = "^6"\n'}, ""),
    ],
)
def test_dependencies_that_nobody_reads_are_told(files: dict[str, str], told: str) -> None:
    """A package that would be made without what it asks for is no surprise of the first call: `init` says so."""
    found = discover(Tree("shop", {"fn/a.py": HANDLER, **files}), None, REGION, None, None)
    lines = [line for line in reasons(found) if "no requirements: " in line]
    assert [told in line for line in lines] == ([True] if told else [])


def test_only_what_nobody_can_know_is_asked() -> None:
    """The region is asked for when nothing names it, the kind when nothing shows it; without a person, neither is."""
    asked: list[str] = []

    def ask(question: str, answers: tuple[str, ...], proposed: str) -> str:
        asked.append(question)
        return answers[-1] if answers else proposed

    files = {"lib.py": "x = 1", "requirements.txt": "requests"}
    assert written(files, environment={}, ask=ask) == {"function": {"kind": "layer"}}
    assert [question.split(" ")[0] for question in asked] == ["AWS", "`.`"]
    asked.clear()
    assert written({"a.py": HANDLER}, ask=ask) == {"function": {}}
    assert asked == []
    with pytest.raises(ConfigurationError, match="region is not known"):
        written(files, environment={})
    assert written({**files, "samconfig.toml": 'region = "eu-central-1"'}, environment={})


@pytest.mark.parametrize(
    ("address", "found"),
    [
        ("https://gitlab.com/shop/thumbs.git", ("https://gitlab.com", "shop/thumbs")),
        (
            "https://oauth2:glpat-secret@gitlab.example.com:8443/a/b/c.git/",
            ("https://gitlab.example.com:8443", "a/b/c"),
        ),
        ("git@gitlab.example.com:a/b.git", ("https://gitlab.example.com", "a/b")),
        ("ssh://git@gitlab.example.com:2222/a/b.git", ("https://gitlab.example.com", "a/b")),
        ("http://localhost:3000/a/b", ("http://localhost:3000", "a/b")),
        ("/srv/git/a.git", None),
        ("../a.git", None),
        ("https://gitlab.com/alone.git", None),
        ("https://[::1", None),
        ("ext::sh -c true", None),
    ],
)
def test_the_remote_names_the_project(address: str, found: tuple[str, str] | None) -> None:
    """The project is read off the remote, whichever way it is spelled, and the credentials in it stay behind."""
    origin = origin_of(address)
    assert (origin and (origin.url, origin.path)) == found


def test_the_project_is_named_after_the_remote() -> None:
    """The file names the project as GitLab CI will, so that terminal and pipeline mean the same."""
    found = discover(
        Tree("x", {"a.py": HANDLER}), Origin("https://gitlab.example.com", "Shop/My.Thumbs"), REGION, None, None
    )
    document = yaml.safe_load(configuration_text(found))
    assert document["project"] == "shop-my-thumbs"
    assert document["gitlab"] == {"url": "https://gitlab.example.com", "project": "Shop/My.Thumbs"}


def test_ignored_lines_are_proposed_once() -> None:
    """Only what a `.gitignore` lacks is proposed, and a lock of one's own is not ignored."""
    known = ".orchestrator\n/package.zip\nmanifest.json\n.terraform/\nbackend.tfbackend.json\n*_override.tf\n"
    assert missing_ignores(known, own_lock=True, own_dist=True) == (
        "/sbom.cdx.json",
        "/provenance.json",
        "orchestrator.auto.tfvars.json",
        "orchestrator_override.tf",
    )
    ours = {"/pylock.toml", "/dist/"}
    assert ours <= {*missing_ignores(None, own_lock=False, own_dist=False)}
    assert not ours & {*missing_ignores("pylock.toml\ndist\n", own_lock=False, own_dist=False)}


FOLDERS = ["a", "src", "layers", "my layer", "ü", "yes", "1", "#x", "a: b", "-x", "fn's", '"q"', "tests", "."]
FILES = [
    "m.py",
    "requirements.txt",
    "pyproject.toml",
    ".python-version",
    "template.yaml",
    "requirements-x.txt",
    "uv.lock",
]
PATHS = st.builds(
    lambda folders, name: "/".join([*folders, name]),
    st.lists(st.sampled_from(FOLDERS), max_size=3),
    st.sampled_from(FILES),
)
TEXTS = st.sampled_from(
    [HANDLER, "", "psycopg2\npycurl", "[project]\ndependencies = ['lxml']", "3.13", "Runtime: python3.9", "\x00"]
)


@settings(max_examples=60)
@given(st.dictionaries(PATHS, TEXTS, max_size=6))
def test_any_tree_gives_a_file_that_plan_takes(files: dict[str, str]) -> None:
    """However a repository is laid out and whatever its folders are called, plan accepts what init writes."""
    try:
        written({path.replace("./", ""): text for path, text in files.items()})
    except ConfigurationError as error:
        assert "nothing here" in error.what
