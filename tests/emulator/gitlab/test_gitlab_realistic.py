"""Configurations as people write them: which jobs they give, in which order, and what the jobs see."""

from __future__ import annotations

from typing import Any

import pytest

_MONOREPO = """
include:
  - local: services/*/ci.yml
  - local: /ci/shared.yml
    rules: [{exists: [ci/shared.yml]}]
stages: [build, test]
"""
_SERVICE = """
{name}-build:
  extends: [.base, .only-{name}]
  script: [!reference [.scripts, say], 'echo "{name} $SCOPE $LEVEL"']
.only-{name}:
  rules:
    - changes: [services/{name}/**/*]
    - !reference [.always, rules]
"""
_SHARED = """
.scripts: {say: [echo shared-one, echo shared-two]}
.always: {rules: [{if: $CI_COMMIT_BRANCH == "main"}]}
.root: {variables: {SCOPE: root, LEVEL: "1"}, stage: build}
.base: {extends: .root, variables: {LEVEL: "2"}}
"""


def _out(repo: Any, job: Any) -> str:
    return str(repo.trace(job))


def test_monorepo_with_includes_extends_and_references(repo: Any) -> None:
    """Wildcard includes, chains of `extends`, and `!reference` in rules and scripts come together."""
    files = {f"services/{name}/ci.yml": _SERVICE.format(name=name) for name in ("api", "web")}
    pipeline, jobs = repo.run(_MONOREPO, {**files, "ci/shared.yml": _SHARED})
    assert (pipeline.status, set(jobs)) == ("success", {"api-build", "web-build"})
    trace = _out(repo, jobs["web-build"])
    assert trace.index("shared-one") < trace.index("shared-two") < trace.index("\nweb root 2")


def test_changes_pick_the_jobs_of_a_branch(repo: Any) -> None:
    """`rules:changes` with `compare_to` takes what a branch changed, and `exists` what is there."""
    ci = """
docs: {script: [echo d], rules: [{changes: {paths: [docs/**/*], compare_to: main}}]}
code: {script: [echo c], rules: [{changes: {paths: ["src/*.{py,pyi}"], compare_to: main}}]}
docker: {script: [echo k], rules: [{exists: [Dockerfile]}]}
always: {script: [echo a]}
"""
    repo.run(ci, {"docs/a.md": "1", "src/b.py": "1"})
    _, jobs = repo.run(ci, {"src/b.py": "2"}, to="feature")
    assert set(jobs) == {"code", "always"}
    _, jobs = repo.run(ci, {"docs/deep/er/x.md": "2", "Dockerfile": "FROM x"}, to="other")
    assert {"docs", "docker"} <= set(jobs)


def test_matrix_needs_and_dotenv(repo: Any) -> None:
    """A diamond of needs over a matrix: one cell is needed by its values, and dotenv values pass along needs only."""
    ci = """
stages: [one, two, three]
version: {stage: one, script: ["echo VERSION=1.2 > v.env"], artifacts: {reports: {dotenv: v.env}}}
build:
  stage: two
  needs: [version]
  parallel: {matrix: [{OS: [linux, mac], ARCH: [arm, x86]}, {OS: bsd, ARCH: x86}]}
  script: ['echo "$OS-$ARCH-$VERSION" > "out-$OS-$ARCH"']
  artifacts: {paths: ["out-*"], exclude: ["out-mac-*"]}
pick:
  stage: three
  needs: [{job: build, parallel: {matrix: [{OS: linux, ARCH: arm}]}}]
  script: ['ls out-*', 'echo "[$VERSION]"']
all: {stage: three, needs: [build, {job: version, artifacts: false}], script: ['ls out-*', 'echo "[$VERSION]"']}
"""
    pipeline, jobs = repo.run(ci)
    assert pipeline.status == "success"
    assert {"build: [linux, arm]", "build: [bsd, x86]"} <= set(jobs)
    assert len(jobs) == 8
    picked, everything = _out(repo, jobs["pick"]), _out(repo, jobs["all"])
    assert ("out-linux-arm" in picked, "out-bsd-x86" in picked) == (True, False)
    assert ("out-bsd-x86" in everything, "out-mac-arm" in everything) == (True, False)
    assert ("\n[]" in picked, "\n[]" in everything) == (True, True)


def test_default_sections_and_anchors(repo: Any) -> None:
    """`default`, hidden jobs with anchors and merge keys, `inherit`, and after_script in the words of the job."""
    ci = """
default:
  before_script: [echo before-$CI_JOB_NAME]
  after_script: ['echo "after-$CI_JOB_STATUS"']
  retry: 0
variables: {COLOUR: {value: blue, options: [blue, red], description: which}, PLAIN: "p", EMPTY: ""}
.hidden: &hidden
  variables: &vars {ONE: "1", TWO: "2"}
  script: &script [echo "$ONE$TWO$THREE-$COLOUR-$PLAIN-$EMPTY."]
merged: {<<: *hidden, variables: {<<: *vars, TWO: "zwei", THREE: "3"}}
alone:
  inherit: {default: false, variables: [PLAIN]}
  script: [*script, 'echo "nested"']
"""
    _, jobs = repo.run(ci)
    merged, alone = _out(repo, jobs["merged"]), _out(repo, jobs["alone"])
    assert "\n1zwei3-blue-p-." in merged
    assert ("before-merged" in merged, "after-success" in merged) == (True, True)
    assert ("\n--p-." in alone, "before-" in alone, "after-" in alone, "\nnested" in alone) == (
        True,
        False,
        False,
        True,
    )


@pytest.mark.parametrize(
    ("ci", "status", "jobs"),
    [
        (
            "a: {script: [exit 3], allow_failure: {exit_codes: [3, 4]}}\nb: {stage: deploy, script: [echo]}",
            "success",
            {"a": "failed", "b": "success"},
        ),
        (
            "a: {script: [exit 5], allow_failure: {exit_codes: 3}}\nb: {stage: deploy, script: [echo]}",
            "failed",
            {"a": "failed", "b": "skipped"},
        ),
        (
            "a: {script: [exit 1]}\nfix: {stage: deploy, when: on_failure, script: [echo]}\n"
            "end: {stage: .post, when: always, script: [echo]}\nask: {stage: deploy, when: manual, script: [echo]}",
            "failed",
            {"a": "failed", "fix": "success", "end": "success", "ask": "skipped"},
        ),
        (
            "first: {stage: .pre, script: [echo]}\n"
            "ask: {stage: build, script: [echo], rules: [{when: manual, allow_failure: true}]}\n"
            "last: {stage: deploy, script: [echo]}",
            "success",
            {"first": "success", "ask": "manual", "last": "success"},
        ),
        (
            "ask: {stage: build, script: [echo], rules: [{when: manual}]}\nlast: {stage: deploy, script: [echo]}",
            "manual",
            {"ask": "manual", "last": "created"},
        ),
        (
            "a: {script: [exit 7], retry: {max: 2, exit_codes: [7]}}\n"
            "b: {script: [exit 8], retry: {max: 2, exit_codes: 7}}",
            "failed",
            {"a": "failed", "b": "failed"},
        ),
    ],
)
def test_what_a_failure_leads_to(repo: Any, ci: str, status: str, jobs: dict[str, str]) -> None:
    """Allowed exit codes, retries by exit code, manual and on_failure jobs end as on GitLab."""
    pipeline, found = repo.run(ci)
    assert (pipeline.status, {name: job.status for name, job in found.items()}) == (status, jobs)
    if "retry" in ci:
        every = pipeline.jobs.list(get_all=True, include_retried=True)
        assert sorted(job.name for job in every) == ["a", "a", "a", "b"]


def test_workflow_names_and_variables(repo: Any) -> None:
    """`workflow:rules` decide, set variables and name the pipeline; what no rule takes makes no pipeline."""
    ci = """
workflow:
  name: "$KIND pipeline of $CI_COMMIT_BRANCH"
  auto_cancel: {on_new_commit: interruptible}
  rules:
    - if: $CI_COMMIT_BRANCH =~ /^release\\/v\\d+(\\.\\d+)*$/
      variables: {KIND: release}
    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH
      variables: {KIND: main}
job: {script: ['echo "kind=$KIND."'], rules: [{if: $KIND == "release", variables: {EXTRA: x}}, {when: on_success}]}
"""
    pipeline, jobs = repo.run(ci)
    assert (pipeline.name, "\nkind=main." in _out(repo, jobs["job"])) == ("main pipeline of main", True)
    pipeline, _ = repo.run(ci, to="release/v1.2.3")
    assert pipeline.name == "release pipeline of release/v1.2.3"
    repo.push({"x": "1"}, to="feature")
    assert repo.project.pipelines.list(ref="feature", get_all=True) == []


_COMPONENT = """
spec:
  inputs:
    stage: {default: test}
    names: {type: array, default: [one]}
    strict: {type: boolean, default: false}
    size: {type: number, default: 2, options: [1, 2, 3]}
---
include: [{local: /parts/inner.yml, inputs: {word: "$[[ inputs.stage | expand_vars ]]"}}]
"component $[[ inputs.stage ]]":
  stage: $[[ inputs.stage ]]
  script: ['echo "strict=$[[ inputs.strict ]] size=$[[ inputs.size ]]"']
  parallel: {matrix: [{NAME: $[[ inputs.names ]]}]}
"""
_INNER = """
spec: {inputs: {word: {regex: '^[a-z]+(-[a-z]+)*$'}}}
---
inner-$[[ inputs.word ]]: {script: [echo $CI_JOB_NAME]}
"""


def test_components_with_inputs_and_nested_includes(repo: Any, new_repo: Any) -> None:
    """A component of another project takes arrays, booleans and numbers, and brings its own includes along."""
    component = new_repo()
    files = {"templates/check.yml": _COMPONENT, "parts/inner.yml": _INNER}
    sha = component.push({**files, ".gitlab-ci.yml": "n: {script: [x], rules: [{when: never}]}"})
    ci = f"""
include:
  - component: $CI_SERVER_FQDN/{component.project.path_with_namespace}/check@{sha}
    inputs: {{stage: deploy, names: [a, "b c"], strict: true, size: 3}}
"""
    pipeline, jobs = repo.run(ci)
    assert (pipeline.status, set(jobs)) == (
        "success", {"component deploy: [a]", "component deploy: [b c]", "inner-deploy"},
    )  # fmt: skip
    assert "\nstrict=true size=3" in _out(repo, jobs["component deploy: [a]"])
