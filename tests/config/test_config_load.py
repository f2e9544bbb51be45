"""Guarantees about reading a file: what is accepted, and how everything else is told."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from orchestrator.config import EXAMPLE, load, parse
from orchestrator.errors import ConfigurationError
from orchestrator.vocabulary import Architecture, Kind, Return, Source, StateBackend

START = "project: demo\nregion: eu-central-1\npackages:\n  parser:\n    requirements: null\n"


def lines(text: str, environment: dict[str, str] | None = None) -> list[str]:
    """Return the problems of the text, one each, without the file name."""
    with pytest.raises(ConfigurationError) as caught:
        parse(text, "orchestrator.yml", environment or {})
    assert caught.value.exit_code == 2
    assert caught.value.hint
    return [line.removeprefix("orchestrator.yml:") for line in caught.value.detail.splitlines()]


def test_five_lines_are_a_complete_file() -> None:
    """Five lines give a configuration in which every default is filled in."""
    configuration = parse(EXAMPLE, "orchestrator.yml", {})
    package = configuration.packages["parser"]
    assert len(EXAMPLE.splitlines()) == 5
    assert (package.kind, package.architecture, package.runtime) == (
        Kind.FUNCTION,
        Architecture.ARM64,
        "python3.12",
    )
    assert package.build.image == "aws/codebuild/amazonlinux-aarch64-standard:3.0"
    assert (package.build.compute, package.build.timeout_minutes) == ("small", 60)
    assert (configuration.return_, configuration.source) == (Return.TRIGGER, Source.SNAPSHOT)
    assert configuration.artifacts.managed
    assert configuration.trigger.token_parameter == "/gitlab/trigger/lxml-function"
    assert configuration.terraform.state is StateBackend.LOCAL


def test_a_file_may_say_everything() -> None:
    """A file that uses every block is accepted and kept as written."""
    text = """\
version: 1
project: shop
region: eu-west-1
packages:
  parser:
    kind: layer
    architecture: x86_64
    runtime: python3.13
    source: ./functions/parser/
    requirements: null
    environment: {PYCURL_SSL_LIBRARY: openssl}
    build: {compute: 2xlarge, image: "123456789012.dkr.ecr.eu-west-1.amazonaws.com/build:7"}
build: {timeout_minutes: 5, queue_timeout_minutes: 480, concurrent_builds: 2, log_retention_days: 3653}
artifacts: {bucket: shop-packages, prefix: teams/shop, retention_days: 90}
return: trigger
trigger: {token_parameter: /shop/trigger}
source: clone
clone: {username_parameter: /shop/user, token_parameter: /shop/pat, url: "https://gitlab.example.com/a/b.git"}
terraform: {state: s3, bucket: shop-state, key: a/b.tfstate, region: us-east-1, use_lockfile: yes}
gitlab: {url: "https://gitlab.example.com/", project: 42}
tags: {team: shop, "cost center": "12"}
"""
    configuration = parse(text, "orchestrator.yml", {})
    package = configuration.packages["parser"]
    assert (package.source, package.requirements) == ("functions/parser", None)
    assert (package.build.compute, package.build.timeout_minutes, package.build.concurrent_builds) == (
        "2xlarge",
        5,
        2,
    )
    assert configuration.artifacts.managed is False
    assert configuration.gitlab.project == "42"
    assert configuration.gitlab.api_url == "https://gitlab.example.com/api/v4"
    assert configuration.clone is not None
    assert configuration.clone.url == "https://gitlab.example.com/a/b.git"


def test_anchors_and_merge_keys_work() -> None:
    """Packages can share settings through YAML anchors, and their own keys win."""
    text = (
        "project: demo\nregion: eu-central-1\npackages:\n  a: &a {runtime: python3.13, architecture: x86_64}\n"
        "  b: {<<: *a, architecture: arm64}\n  c: *a\n"
    )
    packages = parse(text, "orchestrator.yml", {}).packages
    assert [(p.runtime, p.architecture.value) for p in packages.values()] == [
        ("python3.13", "x86_64"),
        ("python3.13", "arm64"),
        ("python3.13", "x86_64"),
    ]


def test_all_problems_are_told_at_once_in_the_order_of_the_file() -> None:
    """Several mistakes of different kinds are reported together, sorted by line."""
    text = START.replace("region: eu-central-1", "region: Frankfurt") + (
        "    runtme: python3.12\n    architecture: arm\nbuild:\n  timeout_minutes: 3\nterraform: {state: s3}\n"
    )
    found = lines(text)
    assert [int(line.split(":")[0]) for line in found] == [2, 6, 7, 9, 10]
    assert found[1] == "6: packages.parser.runtme: unknown key, did you mean `runtime`?"


@pytest.mark.parametrize(
    ("addition", "expected"),
    [
        ("    runtme: x", r"6: packages.parser.runtme: unknown key, did you mean `runtime`\?"),
        ("enviroment: {A: b}", r"6: enviroment: unknown key, did you mean `packages.<name>.environment`"),
        ("packages: []", r"6: packages: written twice, first in line 3"),
        ("timeout_minutes: 9", r"6: timeout_minutes: unknown key here, .*`build.timeout_minutes`"),
        ("    return: wait", r"6: packages.parser.return: unknown key here, it belongs to `return` at the top level"),
        ("    runtime: 3.12", r"6: .*runtime: expected .* found the number `3.12`; did you mean `python3.12`"),
        ("    runtime: 3.10", r"found the number `3.10`; did you mean `python3.10`"),
        ("    runtime: python3.9", r"found the text `python3.9`"),
        ("    runtime: python312", r"did you mean `python3.12`"),
        ("    kind: Layer", r"found the text `Layer`; did you mean `layer`"),
        ("    architecture: aarch64", r"expected `arm64` or `x86_64`, found the text `aarch64`"),
        ("version: yes", r"6: version: expected .*found `yes`, which YAML reads as true"),
        ("version: 2", r"6: version: expected `1`, found the number `2`"),
        ('version: "1"', r"6: version: .*write it without quotes"),
        ("build: {log_retention_days: yes}", r"log_retention_days: .*which YAML reads as true"),
        ("build: {log_retention_days: 31}", r"found the number `31`; the nearest is `30`"),
        ("build: {timeout_minutes: 010}", r"from 5 to 2160, found the octal number `010`"),
        ("build: {timeout_minutes: 1:30}", r"found the number with base 60 `1:30`"),
        ("build: {timeout_minutes: 60.0}", r"found the number `60.0`"),
        ('build: {timeout_minutes: "60"}', r"found the text `60`; write it without quotes"),
        ("build: {timeout_minutes: 2161}", r"a whole number from 5 to 2160, found the number `2161`"),
        ("build: {queue_timeout_minutes: 481}", r"from 5 to 480"),
        ("build: {timeout_minutes: true}", r"which YAML reads as true"),
        ("build: {concurrent_builds: 0}", r"a whole number from 1 to"),
        ("build: fast", r"6: build: expected a block of `key: value` lines, found the text `fast`"),
        ("build:", r"6: build: expected a block of .* found nothing"),
        ("build: []", r"6: build: expected a block of .* found a list"),
        ("  second:", r"6: packages.second: expected a block .* found nothing; `{}` takes every default"),
        ("  Second: {}", r"6: packages.Second: expected 1 to 63 lower-case letters"),
        ("  -x: {}", r"6: packages.-x: expected 1 to 63"),
        ("  " + "x" * 64 + ": {}", r"6: packages.x+: expected 1 to 63"),
        ("  on: {}", r"6: packages: YAML does not read the key `on` as text; put it in quotes"),
        ("    source: ../other", r"6: packages.parser.source: expected a path .*found the text `../other`"),
        ("    source: /etc", r"6: packages.parser.source: expected a path relative"),
        ("    source: --output", r"6: packages.parser.source: expected a path without a part"),
        ("    source: [a]", r"6: packages.parser.source: expected text, found a list"),
        ("    environment: {PATH: x}", r"environment.PATH: this variable cannot be set: it decides which"),
        ("    environment: {AWS_PROFILE: x}", r"`AWS_` decide with which credentials"),
        ("    environment: {1A: x}", r"environment.1A: expected the name of a variable"),
        ("    environment: [A=b]", r"environment: expected a block"),
        ("artifacts: {bucket: My_Bucket}", r"artifacts.bucket: expected the name of an S3 bucket"),
        ("artifacts: {bucket: 192.168.0.1}", r"artifacts.bucket: expected .* not an IP address"),
        ("artifacts: {prefix: /a}", r"artifacts.prefix: expected"),
        ("artifacts: {prefix: a/../b}", r"artifacts.prefix: expected a key prefix without"),
        ("artifacts: {managed: no}", r"artifacts.managed: .*`artifacts.bucket`"),
        ("return: push", r"6: return: expected `trigger`, `event` or `wait`, found the text `push`"),
        ("handback: {inputs: no}", r"6: handback: has no effect without `return: event`"),
        ("return: event\ngitlab: {url: 'http://gitlab.example.com'}", r"7: gitlab.url: `return: event` needs .*https"),
        (
            "return: event\nhandback: {alarm_topic_arn: builds}",
            r"7: handback.alarm_topic_arn: expected the ARN of an SNS",
        ),
        ("return: event\nhandback: {token_key_arn: alias/x}", r"7: handback.token_key_arn: expected the ARN of a KMS"),
        ("permissions_boundary: admin", r"6: permissions_boundary: expected the ARN of an IAM policy"),
        ("trigger: {token_parameter: gitlab}", r"trigger.token_parameter: expected the full name of an SSM"),
        ("trigger: {token_parameter: /aws/x}", r"trigger.token_parameter: expected an SSM parameter outside"),
        ("source: clone", r"6: clone.url: missing, expected the address"),
        ("clone: {}", r"6: clone: has no effect without `source: clone`"),
        ("terraform: {state: s3}", r"terraform.state: `s3` needs the name of an existing bucket"),
        ("terraform: {bucket: abc}", r"terraform.bucket: has an effect only with `state: s3`, found no"),
        ("terraform: {state: s3, bucket: abc, path: x}", r"terraform.path: has an effect only with `state: l"),
        ("gitlab: {project: a b}", r"gitlab.project: expected the id of a GitLab project"),
        ("gitlab: {project: -1}", r"gitlab.project: expected the id of a GitLab project"),
        ("gitlab: {url: ftp://x}", r"gitlab.url: expected an address"),
        ("gitlab: {url: 'http://x:99999'}", r"gitlab.url: expected a port"),
        ("tags: {aws:x: a}", r"tags.aws:x: keys beginning with `aws:`"),
        ("tags: {a: 5}", r"tags.a: expected text, found the number `5`; put it in quotes"),
        ("tags: {a: 2024-13-45}", r"tags.a: expected text, found the date `2024-13-45`; put it in quotes"),
        ("tags: {a: !secret x}", r"6:\d+: the tag `!secret` has no meaning here"),
        ("project: again", r"6: project: written twice, first in line 1"),
    ],
)
def test_a_mistake_is_told_in_plain_language(addition: str, expected: str) -> None:
    """Each mistake is named with its line, what was expected and what was found."""
    found = "\n".join(lines(START + addition + "\n"))
    assert re.search(expected, found), found
    assert "Input should" not in found


@pytest.mark.parametrize(
    ("image", "architecture", "expected"),
    [
        ("aws/codebuild/amazonlinux-aarch64-standard:3.0", "arm64", None),
        ("aws/codebuild/amazonlinux2-aarch64-standard:2.0", "arm64", None),
        ("aws/codebuild/amazonlinux-aarch64-standard:4.0", "x86_64", "is for arm64"),
        ("aws/codebuild/amazonlinux2-aarch64-standard:2.0", "x86_64", "is for arm64"),
        ("public.ecr.aws/codebuild/amazonlinux-aarch64-standard:3.0", "x86_64", "is for arm64"),
        ("aws/codebuild/standard:7.0", "x86_64", None),
        ("aws/codebuild/standard:7.0", "arm64", "is for x86_64"),
        ("aws/codebuild/amazonlinux2-x86_64-standard:4.0", "arm64", "is for x86_64"),
        ("aws/codebuild/windows-base:2022-1.0", "x86_64", "expected a Linux container image"),
        ("aws/codebuild/nothing:1.0", "arm64", "expected an image that CodeBuild offers"),
        ("aws/codebuild/standard", "x86_64", "expected an image with its version"),
        ("public.ecr.aws/sam/build-python3.11:latest-arm64", "arm64", None),
        ("public.ecr.aws/sam/build-python3.11:latest-arm64", "x86_64", "is for arm64"),
        ("registry.example.com:5000/a/b@sha256:" + "0" * 64, "x86_64", None),
        ("two words", "x86_64", "expected an image such as"),
        ("$(id)", "x86_64", "expected an image such as"),
    ],
)
def test_an_image_fits_its_architecture(image: str, architecture: str, expected: str | None) -> None:
    """An image that cannot run on the package's architecture is refused where it is written."""
    text = START + f"    architecture: {architecture}\nbuild:\n  image: '{image}'\n"
    if expected is None:
        configuration = parse(text, "orchestrator.yml", {})
        assert configuration.packages["parser"].build.image == image
    else:
        found = lines(text)
        assert len(found) == 1
        assert found[0].startswith("8: build.image: ")
        assert expected in found[0]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", r"^1:1: the file is empty"),
        ("# nothing\n", r"^1:1: the file is empty"),
        ("- a\n", r"^1:1: expected `key: value` lines at the top level, found a list"),
        ("word\n", r"^1:1: expected `key: value` lines at the top level, found a single value"),
        ("a:\n\tb: 1\n", r"^2:1: a tab is used"),
        ("a: [1\n", r"^2:1: a `\[` is not closed"),
        ("a: {b: 1\n", r"^2:1: a `\{` is not closed"),
        ("a: 'b\n", r"^2:1: the file ends inside quotes"),
        ("a: b: c\n", r"^1:5: a second `: `"),
        ("a: 1\n---\nb: 1\n", r"^2:1: only one document"),
        ("a: *b\n", r"^1:4: an alias"),
        ("a: &a [*a]\n", r"^1:4: an alias .* inside its own anchor"),
        ("a: &a\n  <<: *a\n", r"^1:4|^2:7|an alias"),
        ('a: "\\UFFFFFFFF"\n', r"^1:\d+: an escape"),
        ("a: \x07\n", r"^1:4: an invisible control character"),
        ("a: \ud800\n", r"^1:4: an invisible control character or half a character"),
        ("[" * 2000, r"^1:\d+: nested deeper"),
        ("a: @x\n", r"^1:4: this character cannot begin a value"),
        ("? [a]\n: 1\n", r"^1: expected a word before the colon"),
        ("%YAML 7.0\n---\na: 1\n", r"^1:1: "),
    ],
)
def test_text_that_is_not_a_mapping_names_its_place(text: str, expected: str) -> None:
    """What is not one YAML mapping is reported with line and column."""
    found = lines(text)
    assert re.search(expected, found[0]), found


def test_aliases_cannot_multiply_without_end() -> None:
    """A small file that unfolds into millions of values is refused quickly, as list and as merge."""
    levels = range(1, 12)
    laughs = "a0: &a0 [x, x]\n" + "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in levels)
    merges = "a0: &a0 {x: 1}\n" + "".join(
        f"a{i}: &a{i} {{k{i}: 1, <<: [{', '.join([f'*a{i - 1}'] * 9)}]}}\n" for i in levels
    )
    assert "repeat more than" in lines(laughs)[0]
    assert "repeat more than" in lines(merges)[0]


def test_a_huge_file_is_refused() -> None:
    """A file above one MiB is not parsed at all."""
    assert "larger than" in lines("#" + "x" * 1024 * 1024)[0]


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    """A missing file, a directory and bytes that are no text end with a hint, and never with a traceback."""
    with pytest.raises(ConfigurationError, match="does not exist") as missing:
        load(tmp_path / "orchestrator.yml", {})
    assert EXAMPLE in missing.value.hint
    with pytest.raises(ConfigurationError, match="is a directory"):
        load(tmp_path, {})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(Path("a\0b"), {})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / ("x" * 5000), {})
    broken = tmp_path / "latin1.yml"
    broken.write_bytes(b"project: a\nregion: \xe9\n")
    with pytest.raises(ConfigurationError) as encoding:
        load(broken, {})
    assert encoding.value.detail.endswith("latin1.yml:2:9: this byte is not UTF-8 text")
    if os.geteuid() != 0:
        broken.chmod(0)
        with pytest.raises(ConfigurationError, match="cannot be read"):
            load(broken, {})


def test_a_byte_order_mark_and_windows_lines_do_no_harm(tmp_path: Path) -> None:
    """A file saved by a Windows editor is read like any other."""
    path = tmp_path / "orchestrator.yml"
    path.write_bytes(b"\xef\xbb\xbf" + EXAMPLE.replace("\n", "\r\n").encode())
    assert load(path, {}) == parse(EXAMPLE, "orchestrator.yml", {})


def test_the_result_cannot_be_changed() -> None:
    """A configuration is a value: nobody can change it after it was checked."""
    configuration = parse(EXAMPLE, "orchestrator.yml", {})
    with pytest.raises(ValueError, match="frozen"):
        configuration.region = "us-east-1"
