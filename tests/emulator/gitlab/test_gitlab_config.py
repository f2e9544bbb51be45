"""From files to the jobs of a pipeline: includes, components, merging, rules, and what is refused."""

from __future__ import annotations

import contextlib
from dataclasses import dataclass, field
from typing import Any

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orchestrator.emulator.gitlab.ci import keywords
from orchestrator.emulator.gitlab.ci.compile import read_config
from orchestrator.emulator.gitlab.ci.errors import ConfigError, Filtered
from orchestrator.emulator.gitlab.ci.evaluate import Layers, evaluate
from orchestrator.emulator.gitlab.ci.model import Plan, PlannedJob
from orchestrator.emulator.gitlab.ci.rules import Context
from orchestrator.emulator.gitlab.ci.sources import Place


@dataclass
class Files:
    """Projects in memory: path of the project -> path of the file -> text."""

    projects: dict[str, dict[str, str]] = field(default_factory=dict)

    def place(self, project: str, ref: str | None) -> Place | None:
        return Place(project, "1" * 40) if project in self.projects and ref in {None, "main", "1.2.3"} else None

    def knows(self, project: str) -> bool:
        return project in self.projects

    def read(self, place: Place, path: str) -> str | None:
        return self.projects[place.project].get(path.lstrip("/"))

    def files(self, place: Place) -> list[str]:
        return sorted(self.projects[place.project])

    def hosts(self) -> set[str]:
        return {"gitlab.test:80"}

    def version(self, project: str, wanted: str) -> str | None:
        return "1.2.3" if wanted in {"~latest", "1", "1.2"} else None


def plan(
    text: str,
    others: dict[str, str] | None = None,
    *,
    projects: dict[str, dict[str, str]] | None = None,
    inputs: dict[str, Any] | None = None,
    variables: dict[str, str] | None = None,
    changed: list[str] | None = None,
    ref: str = "main",
    tag: bool = False,
    source: str = "push",
) -> Plan:
    """Return what a pipeline of project `me/here` with these files would consist of."""
    files = Files({"me/here": others or {}, **(projects or {})})
    place = Place("me/here", "0" * 40)
    known = {
        "CI_PIPELINE_SOURCE": source,
        "CI_COMMIT_REF_NAME": ref,
        "CI_SERVER_FQDN": "gitlab.test:80",
        **(variables or {}),
    }
    layers = Layers(known, {}, {})
    context = Context(
        ref,
        tag,
        source,
        "me/here",
        known,
        lambda _: changed,
        lambda project, _: sorted(files.projects[project or "me/here"]),
    )
    config = read_config(text, place, ".gitlab-ci.yml", sources=files, context=context, inputs=inputs or {})
    return evaluate(config, layers, context)


def jobs(*arguments: Any, **options: Any) -> dict[str, PlannedJob]:
    """Return the planned jobs by name."""
    return {job.name: job for job in plan(*arguments, **options).jobs}


def test_local_includes_with_wildcards_and_inputs() -> None:
    """Local files are found by name and by wildcard, take inputs, and lie under the including file."""
    found = jobs(
        """
include:
  - /ci/base.yml
  - local: ci/more/**.yml
  - local: ci/with-inputs.yml
    inputs: {name: first, script-lines: ["a b", "c"]}
  - {local: ci/with-inputs.yml, inputs: {name: second}}
  - {local: ci/never.yml, rules: [{if: $NEVER}]}
base: {script: [over]}
""",
        {
            "ci/base.yml": "base: {stage: build, script: [under]}",
            "ci/more/x.yml": "include: [ci/nested.yml]\nx: {script: [x]}",
            "ci/more/deep/y.yml": "y: {script: [y]}",
            "ci/nested.yml": "nested: {script: [n]}",
            "ci/never.yml": "never: {script: [n]}",
            "ci/with-inputs.yml": (
                "spec: {inputs: {name: , script-lines: {type: array, default: [echo]}}}\n---\n"
                '"$[[ inputs.name ]]-job": {script: $[[ inputs.script-lines ]]}\n'
            ),
        },
    )
    assert set(found) == {"base", "x", "y", "nested", "first-job", "second-job"}
    assert (found["base"].stage, found["base"].spec["script"]) == ("build", ["over"])
    assert found["first-job"].spec["script"] == ["a b", "c"]


@pytest.mark.parametrize("version", ["main", "1.2.3", "~latest", "1", "1.2"])
@pytest.mark.parametrize("path", ["templates/thing.yml", "templates/thing/template.yml"])
def test_components(version: str, path: str) -> None:
    """A component is found in both layouts, by branch, tag or partial version, and takes inputs."""
    content = "spec: {inputs: {stage: {default: test}}}\n---\nthing: {stage: $[[ inputs.stage ]], script: [x]}"
    text = f"include: [{{component: $CI_SERVER_FQDN/kit/parts/thing@{version}, inputs: {{stage: deploy}}}}]"
    assert jobs(text, projects={"kit/parts": {path: content}})["thing"].stage == "deploy"


def test_files_of_other_projects() -> None:
    """`include:project` takes several files at a ref; their local includes stay in that project."""
    other = {"a.yml": "include: b.yml\na: {script: [a]}", "b.yml": "b: {script: [b]}", "c.yml": "c: {script: [c]}"}
    text = "include: [{project: kit/parts, ref: main, file: [/a.yml, c.yml]}]"
    assert set(jobs(text, projects={"kit/parts": other})) == {"a", "b", "c"}


def test_extends_references_anchors_and_defaults() -> None:
    """Hidden jobs are merged deeply over levels, lists are replaced, references are followed, defaults fill in."""
    found = jobs(
        """
default: {before_script: [prepare], retry: 1, tags: [arm]}
.a: {variables: {X: a, Y: a}, script: [a], artifacts: {paths: [a], when: always}}
.b: {extends: .a, variables: {Y: b}, artifacts: {paths: [b]}}
.c: {variables: {Z: c}}
.lines: {script: [one, [two]]}
.nest: {script: [!reference [.lines, script], three]}
.anchor: &anchor {rules: [{when: always}]}
job: {extends: [.b, .c], before_script: []}
other:
  <<: *anchor
  script: [!reference [.nest, script], four]
  inherit: {default: [tags]}
  variables: {K: !reference [.b, variables, Y]}
"""
    )
    spec = found["job"].spec
    assert spec["variables"] == {"X": "a", "Y": "b", "Z": "c"}
    assert (spec["script"], spec["before_script"], spec["retry"], spec["tags"]) == (["a"], [], {"max": 1}, ["arm"])
    assert spec["artifacts"] == {"paths": ["b"], "when": "always"}
    other = found["other"].spec
    assert other["script"] == ["one", "two", "three", "four"]
    assert (other["before_script"], other["retry"], other["tags"]) == ([], {"max": 0}, ["arm"])
    assert other["variables"] == {"K": "b"}


@pytest.mark.parametrize(
    ("rules", "options", "expected"),
    [
        ("[{if: $X}]", {}, None),
        ("[{if: $X}]", {"variables": {"X": "1"}}, "on_success"),
        ("[{if: $X, when: never}, {when: always}]", {}, "always"),
        ("[{if: $X, when: never}, {when: always}]", {"variables": {"X": "1"}}, None),
        ("[{changes: ['src/**/*']}]", {"changed": ["src/a/b.py"]}, "on_success"),
        ("[{changes: ['src/**/*']}]", {"changed": ["docs/a"]}, None),
        ("[{changes: {paths: [x]}}]", {"changed": None}, "on_success"),
        ("[{exists: [Dockerfile]}]", {}, None),
        ("[{exists: ['ci/*.yml']}]", {}, "on_success"),
        ("[{exists: {paths: [templates/t.yml], project: kit/parts}}]", {}, "on_success"),
        ("[{if: $NAME == 'job', changes: [a]}, {when: manual}]", {"changed": ["b"]}, "manual"),
        ("[[{if: $X}], [[{when: on_failure}]]]", {}, "on_failure"),
        ("[{if: '$NAME == $CI_JOB_NAME'}]", {}, "on_success"),
        ("[]", {}, None),
    ],
)
def test_rules(rules: str, options: dict[str, Any], expected: str | None) -> None:
    """The first rule that applies decides; none means the job is not there."""
    text = f"always: {{script: [x]}}\njob: {{script: [x], variables: {{NAME: $CI_JOB_NAME}}, rules: {rules}}}"
    others = {"ci/a.yml": "x: 1"}
    found = jobs(text, others, projects={"kit/parts": {"templates/t.yml": ""}}, **options).get("job")
    assert (found.when if found else None) == expected


@pytest.mark.parametrize(
    ("policy", "options", "there"),
    [
        ("only: [main]", {}, True),
        ("only: [main]", {"ref": "other"}, False),
        ("only: [/^rel-/]", {"ref": "rel-1"}, True),
        ("only: [tags]", {}, False),
        ("only: [tags]", {"tag": True, "ref": "v1"}, True),
        ("only: [triggers]", {"source": "trigger"}, True),
        ("except: [triggers]", {"source": "trigger"}, False),
        ("except: [branches]", {}, False),
        ("only: {refs: [main], variables: [$X]}", {}, False),
        ("only: {variables: [$X]}", {"variables": {"X": "1"}}, True),
        ("only: {changes: [a/*]}", {"changed": ["b"]}, False),
        ("only: [main@other/project]", {}, False),
        ("when: never", {}, False),
    ],
)
def test_only_and_except(policy: str, options: dict[str, Any], there: bool) -> None:
    """`only` and `except` choose by ref, source, variables and changes."""
    text = yaml.safe_dump(
        {"always": {"script": ["x"], "rules": [{"when": "always"}]}, "job": {"script": ["x"], **yaml.safe_load(policy)}}
    )
    assert ("job" in jobs(text, **options)) is there


def test_rule_variables_needs_and_workflow() -> None:
    """A rule may change variables, needs and failure; the workflow names the pipeline and sets variables."""
    made = plan(
        """
workflow:
  name: "for $CI_COMMIT_REF_NAME in $WHERE"
  auto_cancel: {on_new_commit: interruptible}
  rules: [{if: $CI_COMMIT_REF_NAME == "main", variables: {WHERE: production, LOW: workflow}}]
variables: {WHERE: nowhere, LOW: global}
a: {script: [x]}
b: {script: [x]}
job:
  variables: {LOW: job}
  script: [x]
  rules: [{variables: {X: rule}, needs: [b], allow_failure: true, if: $WHERE == "production"}]
"""
    )
    found = {job.name: job for job in made.jobs}
    assert (made.name, made.auto_cancel) == ("for main in production", "interruptible")
    assert found["job"].spec["variables"] == {"WHERE": "production", "LOW": "job", "X": "rule"}
    assert [need.job for need in found["job"].needs or []] == ["b"]
    assert found["job"].allow_failure
    with pytest.raises(Filtered, match="workflow rules"):
        plan("workflow: {rules: [{if: $X}]}\nj: {script: [x]}")
    with pytest.raises(Filtered, match="prevented any jobs"):
        plan("j: {stage: .pre, script: [x]}")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "at least one visible job"),
        ("[1]", "Invalid configuration format"),
        ("a: [", "Invalid configuration format"),
        ("a: !!python/object:os.system {}", "Invalid configuration format"),
        ("a: 1", "root config contains unknown keys: a"),
        (".hidden: {script: [x]}", "at least one visible job"),
        ("j: {stage: test}", "should implement the script:, run:, or trigger: keyword"),
        ("j: {script: []}", "jobs:j:script can't be blank"),
        ("j: {script: [1]}", "jobs:j:script config should be a string or a nested array of strings"),
        ("j: {script: {a: b}}", "jobs:j:script config should be"),
        ("j: {script: [x], stage: nowhere}", "chosen stage nowhere does not exist; available stages are .pre"),
        ("j: {script: [x], whatever: 1, also: 2}", "config contains unknown keys: whatever, also"),
        ("j: {script: [x], when: sometimes}", "when should be one of"),
        ("j: {script: [x], rules: [{if: '$A =='}]}", "invalid expression syntax"),
        ("j: {script: [x], rules: [{if: $A, odd: 1}]}", "unknown keys: odd"),
        ("j: {script: [x], rules: {if: $A}}", "should be an array of hashes"),
        ("j: {script: [x], rules: [{when: always}], only: [main]}", "may not be used with `rules`: only"),
        ("j: {script: [x], needs: [ghost]}", "undefined need: ghost"),
        ("j: {script: [x], dependencies: [ghost]}", "undefined dependency: ghost"),
        (
            "stages: [a, b]\nj: {stage: a, script: [x], needs: [k]}\nk: {stage: b, script: [x]}",
            "not defined in current or prior stages",
        ),
        ("j: {script: [x], needs: [k]}\nk: {script: [x], needs: [j]}", "circular dependencies"),
        ("j: {script: [x], needs: [k]}\nk: {script: [x], rules: [{if: $N}]}", "does not exist in the pipeline"),
        ("j: {extends: .ghost}", "unknown keys in `extends`"),
        (
            ".a: {extends: .b}\n.b: {extends: .a}\nj: {extends: .a, script: [x]}",
            "circular dependency detected in `extends`",
        ),
        ("j: {script: !reference [nothing, script]}", "could not be found"),
        (".a: {script: !reference [.a, script]}\nj: {script: !reference [.a, script]}", "circular chain"),
        ("j: {script: [x], retry: 3}", "less than or equal to 2"),
        ("j: {script: [x], retry: {when: bad_luck}}", "when is not known: bad_luck"),
        ("j: {script: [x], timeout: soon}", "should be a duration"),
        ("j: {script: [x], parallel: 0}", "between 1 and 200"),
        (
            f"j: {{script: [x], parallel: {{matrix: [{{A: {list(range(15))}, B: {list(range(15))}}}]}}}}",
            "too many jobs",
        ),
        ("j: {script: [x], artifacts: {files: [a]}}", "artifacts config contains unknown keys: files"),
        ("j: {script: [x], artifacts: {reports: {odd: a}}}", "unknown keys: odd"),
        ("j: {script: [x], allow_failure: maybe}", "boolean value or a hash with exit_codes"),
        ("j: {script: [x], variables: [a]}", "should be a hash of key value pairs"),
        ("j: {script: [x], variables: {A: [1]}}", "must be either a string or a hash"),
        ("variables: {A: {value: x, options: [y]}}\nj: {script: [x]}", "must be present in options"),
        ("stages: build\nj: {script: [x]}", "stages config should be an array of strings"),
        ("default: {script: [x]}\nj: {script: [x]}", "default config contains unknown keys: script"),
        ("workflow: {odd: 1}\nj: {script: [x]}", "workflow config contains unknown keys: odd"),
        ("include: ghost.yml", "Local file `ghost.yml` does not exist!"),
        ("include: {local: a.txt}", "does not have YAML extension"),
        ("include: {template: Auto-DevOps.gitlab-ci.yml}", "which the emulator does not have"),
        ("include: https://example.com/x.yml", "which the emulator does not have"),
        ("include: {project: no/such, file: a.yml}", "not found or access denied"),
        ("include: {component: gitlab.com/a/b/c@1}", "has only its own projects"),
        ("include: {component: nonsense}", "should be `host/group/project/name@version`"),
        ("include: {odd: 1}", "unknown include entry"),
        ("spec: {inputs: {a: }}\n---\nj: {script: [x]}", "`a` input: required value"),
        ("spec: {odd: 1}\n---\nj: {script: [x]}", "unknown keys: odd"),
        ("a: 1\n---\nb: 2", "must begin with a `spec` header"),
        ("include: loop.yml", "Maximum of 150 nested includes"),
        ("j: {script: [x], run: [{name: a}]}", "not available in the emulator"),
    ],
)
def test_refused_configurations(text: str, says: str) -> None:
    """What GitLab would not accept is refused with the name of the culprit."""
    with pytest.raises(ConfigError) as refused:
        plan(text, {"loop.yml": "include: loop.yml", "a.txt": "x"})
    assert says in str(refused.value)


SUBKEYS = (
    keywords.NEED | keywords.RETRY | keywords.ENVIRONMENT | keywords.VARIABLE | keywords.POLICY | keywords.WORKFLOW
)
SUBKEYS |= {"matrix", "default", "on_new_commit", "paths", "compare_to", "exit_codes", "local", "file", "component"}
scalars = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-2, 300),
    st.floats(allow_nan=False, width=16),
    st.text(alphabet="ab$[{}] /:", max_size=5),
)
keys = st.one_of(
    st.sampled_from(sorted(keywords.JOB | keywords.GLOBAL | keywords.RULE | keywords.ARTIFACTS | SUBKEYS)),
    st.text(alphabet=".ab", min_size=1, max_size=3),
)
values = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=3), st.dictionaries(keys, inner, max_size=4)),
    max_leaves=10,
)
job_keys = st.sampled_from(sorted(keywords.JOB - {"run"}))
any_job = st.dictionaries(job_keys, values, max_size=3).map(lambda job: {"script": ["x"], **job})


header_keys = st.sampled_from(["inputs", "type", "default", "options", "regex", "description", "a", "b"])
headers = st.dictionaries(
    header_keys,
    st.dictionaries(header_keys, st.dictionaries(header_keys, values, max_size=3), max_size=3) | values,
    max_size=2,
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(headers, st.dictionaries(header_keys, values, max_size=2))
def test_any_header_is_read_or_refused(spec: dict[str, Any], inputs: dict[str, Any]) -> None:
    """Whatever a header and its inputs are, there is a plan or a message."""
    with contextlib.suppress(ConfigError, Filtered):
        assert plan(f"{yaml.safe_dump({'spec': spec})}---\nj: {{script: [$[[ inputs.a ]]]}}", inputs=inputs).jobs


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.one_of(
        st.dictionaries(keys, st.one_of(any_job, values), max_size=4),
        st.tuples(job_keys, values).map(lambda pair: {"j": {"script": ["x"], pair[0]: pair[1]}}),
        st.tuples(st.sampled_from(sorted(keywords.GLOBAL - {"spec"})), values).map(
            lambda pair: {"j": {"script": ["x"]}, pair[0]: pair[1]}
        ),
    )
)
def test_any_configuration_is_a_plan_or_a_refusal(config: dict[str, Any]) -> None:
    """Whatever is written, there is a plan or a message, never a fault of ours."""
    with contextlib.suppress(ConfigError, Filtered):
        assert plan(yaml.safe_dump(config)).jobs
