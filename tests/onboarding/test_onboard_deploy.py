"""`onboard` where there is something to deploy: the second component, the third role, and what stays theirs."""

from __future__ import annotations

from typing import Any

import pytest
import yaml
from onboarding_site import ADDRESS, CONFIGURATION
from test_ci_file import FILES, lost

from orchestrator.emulator.server import ACCOUNT_ID
from orchestrator.onboarding.ci_deploy import deploy_component, deployable
from orchestrator.onboarding.ci_file import with_component
from orchestrator.onboarding.ci_include import Component
from orchestrator.onboarding.ci_stages import OURS, with_deployment, with_ours
from orchestrator.onboarding.yaml_text import data_of

ROOT = 'module "parser" {\n  source = "./.orchestrator/lambda-package"\n}\n'
DEPLOY = ADDRESS.replace("/codebuild@", "/deploy@")
PLAIN, BESIDE = Component(ADDRESS), Component(DEPLOY)
THEIRS = """\
stages: [scan, test, build]
build: {script: [make]}
test: {stage: test, script: [make]}
postbuild: {script: [x]}
"""
PUSHED = {"terraform/main.tf": ROOT, ".gitlab-ci.yml": "lint:\n  script: [x]\n"}


def test_a_project_that_deploys_is_connected(new_site: Any) -> None:
    """Both components are included, the role is set, the bound of functions is written down, and all of it is said."""
    site = new_site(PUSHED, deploys=True, root=ROOT)
    outcome = site.onboard()
    variable = site.variables()["ORCHESTRATOR_DEPLOY_ROLE_ARN"]
    arn = f"arn:aws:iam::{ACCOUNT_ID}"
    assert (variable.value, variable.protected, variable.environment_scope) == (
        f"{arn}:role/orchestrator/{site.name}-deploy", True, "*",
    )  # fmt: skip
    (request,) = site.requests()
    pipeline = yaml.safe_load(site.text(".gitlab-ci.yml", request.source_branch))
    assert pipeline["include"] == [{"component": ADDRESS}, {"component": DEPLOY}]
    assert pipeline["stages"] == ["prebuild", "build", "postbuild", "test", "deploy"]
    written = yaml.safe_load(site.text("orchestrator.yml", request.source_branch))
    assert written["functions_boundary"] == f"{arn}:policy/orchestrator/{site.name}-functions"
    assert any("`deploy` is included" in note for note in outcome.notes)
    assert "the component `deploy` is included" in request.description
    assert "is not protected" in request.description
    assert site.onboard().steps == []
    site.merge()
    again = site.onboard()
    assert (again.steps, [note for note in again.notes if "deploy" in note]) == ([], [])


def test_names_that_are_taken_reach_the_second_component(new_site: Any) -> None:
    """Where `postbuild` is ours by another name, `deploy` needs that one; their early stage `test` stays theirs."""
    site = new_site({**PUSHED, ".gitlab-ci.yml": THEIRS}, deploys=True, root=ROOT)
    site.onboard()
    (request,) = site.requests()
    text = site.text(".gitlab-ci.yml", request.source_branch)
    codebuild, beside = yaml.safe_load(text)["include"]
    assert codebuild["inputs"] == {"build_job": "codebuild-build", "postbuild_job": "codebuild-postbuild"}
    assert beside["inputs"] == {
        "postbuild_job": "codebuild-postbuild",
        "test_job": "codebuild-test",
        "test_stage": "codebuild-test",
    }
    assert text.startswith("stages: [scan, test, prebuild, build, postbuild, codebuild-test, deploy]\n")
    verdict = site.api.ci_lint.create({"content": text, "include_jobs": True})
    assert verdict.valid
    stages = {job["name"]: job["stage"] for job in verdict.attributes["jobs"]}
    assert stages.items() >= {"build": "test", "test": "test", "postbuild": "test"}.items()


@pytest.mark.parametrize(
    ("files", "root", "told"),
    [
        ({"README.md": "x"}, "", "there is no `terraform` with Terraform in it"),
        ({"README.md": "x"}, 'resource "aws_s3_bucket" "b" {}\n', "does not call the module `./.orchestrator/lambda"),
        ({"README.md": "x"}, ROOT, "`terraform/main.tf` is not on main yet: push it before you merge"),
        (PUSHED, ROOT, "no role for the jobs that deploy: write `deploy: {}`"),
    ],
    ids=["nothing to deploy", "somebody's own", "not pushed", "no role"],
)
def test_what_is_missing_is_told(new_site: Any, files: dict[str, str], root: str, told: str) -> None:
    """A root that is not there, is not for us, or is not pushed, and a platform without the role: each is said."""
    site = new_site(files, root=root)
    outcome = site.onboard()
    assert any(told in note for note in outcome.notes), outcome.notes
    (request,) = site.requests()
    included = yaml.safe_load(site.text(".gitlab-ci.yml", request.source_branch))["include"]
    assert (len(included) == 2) == (root == ROOT)


def test_a_root_that_comes_later_comes_in_a_second_request(new_site: Any) -> None:
    """What was merged gets the second component in a further request; offboard undoes both, one after the other."""
    site = new_site(deploys=True)
    site.onboard(component=ADDRESS)
    site.merge()
    site.push({"terraform/main.tf": ROOT})
    (site.folder / "terraform").mkdir()
    (site.folder / "terraform" / "main.tf").write_text(ROOT)
    site.onboard()
    site.merge()
    assert [entry["component"] for entry in yaml.safe_load(site.text(".gitlab-ci.yml"))["include"]] == [ADDRESS, DEPLOY]
    assert any("stays for now" in note for note in site.offboard().notes)
    site.merge()
    assert "deploy@main" not in site.text(".gitlab-ci.yml")
    site.offboard()
    site.merge()
    assert ".gitlab-ci.yml" not in {item["path"] for item in site.api.repository_tree(get_all=True)}
    assert site.offboard().steps == []


def test_a_configuration_that_was_not_pushed_is_told(new_site: Any) -> None:
    """One that only the checkout has would be in the way of the next pull: the run says what to do after the merge."""
    site = new_site()
    before = site.config.read_text()
    assert any("`rm orchestrator.yml && git pull`" in note for note in site.onboard().notes)
    assert site.config.read_text() == before
    pushed = new_site()
    pushed.push({"orchestrator.yml": pushed.config.read_text()})
    assert not any("git pull" in note for note in pushed.onboard().notes)


def test_our_jobs_are_not_in_the_pipeline_of_our_branch(new_site: Any) -> None:
    """The branch has no role, so nothing of ours fails there; a job of theirs runs as on any other branch."""
    site = new_site({".gitlab-ci.yml": "lint:\n  stage: test\n  script: [x]\n"})
    site.api.builds_access_level = "enabled"
    site.api.save()
    site.onboard()
    (request,) = site.requests()
    found = site.api.pipelines.list(ref=request.source_branch, get_all=True)
    assert [job.name for item in found for job in item.jobs.list(get_all=True)] == ["lint"]


@pytest.mark.parametrize("text", FILES.values(), ids=FILES.keys())
def test_theirs_stays_and_both_are_added(text: str) -> None:
    """Every line that was there is there; both components come last, with stages in which `deploy` finds its needs."""
    after = with_component(text, PLAIN, None, deploying=BESIDE)
    assert lost(text, after) == []
    new = data_of(after.removeprefix("\ufeff"))
    assert [entry["component"] for entry in new["include"][-2:]] == [ADDRESS, DEPLOY]
    inputs = new["include"][-1].get("inputs", {})
    places = [new["stages"].index(name) for name in
              ("postbuild", inputs.get("test_stage", "test"), inputs.get("deploy_stage", "deploy"))]  # fmt: skip
    assert places == sorted(set(places))
    assert with_component(after, PLAIN, None, deploying=BESIDE) == after


@pytest.mark.parametrize(
    ("theirs", "all_of_them", "moved"),
    [
        (["build", "test", "deploy"], ["prebuild", "build", "postbuild", "test", "deploy"], {}),
        (["lint"], ["prebuild", "build", "postbuild", "lint", "test", "deploy"], {}),
        (["lint", "deploy"], ["prebuild", "build", "postbuild", "lint", "test", "deploy"], {}),
        (
            ["deploy", "build", "test"],
            ["deploy", "prebuild", "build", "postbuild", "test", "codebuild-deploy"],
            {"deploy": "codebuild-deploy"},
        ),
        (["build", "deploy", "test"], ["prebuild", "build", "postbuild", "deploy", "test", "codebuild-deploy"],
         {"deploy": "codebuild-deploy"}),
    ],
    ids=["the usual ones", "none of them", "only deploy", "deploy first", "deploy before test"],
)  # fmt: skip
def test_the_stages_of_a_deployment_come_late_enough(
    theirs: list[str], all_of_them: list[str], moved: dict[str, str]
) -> None:
    """Their stages keep their order, and are used for our jobs where these find what they need before them."""
    found, chosen = with_deployment(with_ours(theirs))
    assert found == all_of_them
    assert chosen == {"test": "test", "deploy": "deploy"} | moved
    assert [name for name in found if name in theirs] == theirs
    assert set(OURS) <= set(found)


def test_what_the_first_component_was_given_the_second_gets() -> None:
    """Folder, image and the name of `postbuild` are the same for both; what only the first knows is left out."""
    inputs = {"directory": "a", "image": "x:1", "postbuild_job": "p", "prebuild_stage": "q"}
    made = deploy_component(Component("host/g/p/codebuild@1.2", inputs), {"deploy": {}})
    assert made == Component(
        "host/g/p/deploy@1.2",
        {"directory": "a", "image": "x:1", "postbuild_job": "p", "deploy_job": "codebuild-deploy"},
    )
    assert deployable("a/terraform", {"a/terraform/x.tf": ROOT}).files == ["a/terraform/x.tf"]


def test_a_build_that_waits_is_deployed_in_its_pipeline(new_site: Any) -> None:
    """With `return: wait` both components are told, or the jobs that deploy would be in no pipeline at all."""
    site = new_site(PUSHED, deploys=True, root=ROOT, configuration=f"{CONFIGURATION}return: wait\n")
    site.onboard()
    (request,) = site.requests()
    pipeline = yaml.safe_load(site.text(".gitlab-ci.yml", request.source_branch))
    assert [entry["inputs"] for entry in pipeline["include"]] == [{"return": "wait"}] * 2
