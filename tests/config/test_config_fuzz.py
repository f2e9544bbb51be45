"""Whatever the file holds: a configuration, or a ConfigurationError that names a line for every problem."""

from __future__ import annotations

import re

import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestrator.config import EXAMPLE, Configuration, parse
from orchestrator.config.configuration_file import SCHEMA
from orchestrator.errors import ConfigurationError

LINE = re.compile(r"orchestrator\.yml:[1-9][0-9]*(:[1-9][0-9]*)?: \S.*")
KEYS = sorted({part for path, _ in SCHEMA.walk() for part in path.split(".")} - {"<name>"})
WORDS = ["arm64", "x86_64", "clone", "s3", "local", "layer", "python3.12", "yes", "auto", "a-b", "/a", "", "é"]

scalars = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8) | st.sampled_from(WORDS)
trees = st.recursive(
    scalars,
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS) | st.text(max_size=6), inner, max_size=6)
    ),
    max_leaves=25,
)
blocks = st.dictionaries(st.sampled_from(KEYS), trees, max_size=8)
environments = st.dictionaries(
    st.sampled_from(["CI_PROJECT_PATH_SLUG", "CI_PROJECT_ID", "CI_SERVER_URL", "CI_PROJECT_URL", "AWS_REGION"]),
    st.text(max_size=12) | st.sampled_from(["eu-west-1", "42", "https://gitlab.com", "group-name"]),
)
yamlish = st.text(alphabet="abx01.:-&*?!|>'\"%@`#{}[],<~=_/\\ \t\n\r\x00\ud800é\u2028\ufeff", max_size=60)


def check(text: str, environment: dict[str, str]) -> None:
    """Parse, and look at the shape of the message when the text is refused."""
    try:
        assert isinstance(parse(text, "orchestrator.yml", environment), Configuration)
    except ConfigurationError as error:
        problems = error.detail.split("\n")
        assert problems
        for problem in problems:
            assert LINE.fullmatch(problem), ascii(problem)
        assert str(error).isprintable() or "\n" in str(error)
        assert error.hint
        str(error).encode()


@given(text=st.text() | yamlish, environment=environments)
@example(text="a: !!int x", environment={})
@example(text="a: !!float x\nb: !!bool x\nc: !!null x\nd: !!timestamp x\ne: !!binary x", environment={})
@example(text="a: 0b_\nb: 0x_\nc: " + "9" * 5000, environment={})
@example(text="<<: 1", environment={})
@example(text="<<: [1, {a: 1}]", environment={})
@example(text="'<<': 1\n=: 1", environment={})
@example(text='a: "\\ud800"', environment={})
def test_any_text(text: str, environment: dict[str, str]) -> None:
    """No text makes anything but a configuration or a list of problems with lines."""
    check(text, environment)


@given(tree=trees | blocks, environment=environments)
def test_any_tree(tree: object, environment: dict[str, str]) -> None:
    """No YAML data of whatever shape makes anything else either."""
    check(yaml.safe_dump(tree, allow_unicode=True), environment)


@given(changes=blocks, package=blocks, environment=environments)
@settings(max_examples=300)
def test_any_change_of_a_good_file(
    changes: dict[str, object], package: dict[str, object], environment: dict[str, str]
) -> None:
    """Known keys with wrong values in a file that is otherwise right are told by line."""
    good = yaml.safe_load(EXAMPLE)
    good["packages"]["parser"].update(package)
    check(yaml.safe_dump(good | changes, allow_unicode=True), environment)


@given(position=st.integers(0, len(EXAMPLE)), length=st.integers(0, 5), inserted=yamlish)
def test_any_edit_of_a_good_file(position: int, length: int, inserted: str) -> None:
    """A slip of the hand anywhere in a good file is told by line."""
    check(EXAMPLE[:position] + inserted + EXAMPLE[position + length :], {})
