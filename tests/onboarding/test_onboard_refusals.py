"""What `onboard` finds in the way when GitLab and AWS say so, and what it touches then: nothing."""

from __future__ import annotations

from typing import Any

import pytest
from onboarding_site import ADDRESS, CONFIGURATION, Site, Stage

from orchestrator.effects import aws
from orchestrator.errors import OrchestratorError


def refused(site: Site, code: int, *told: str, **options: Any) -> str:
    """Run onboard; assert that it ends with a code and these words, and that nothing has changed."""
    before = [item.id for item in site.triggers()], site.described(), site.requests("all")
    with pytest.raises(OrchestratorError) as caught:
        site.onboard(**options)
    assert caught.value.exit_code == code, str(caught.value)
    for words in told:
        assert words in str(caught.value)
    assert caught.value.hint
    assert ([item.id for item in site.triggers()], site.described(), site.requests("all")) == before
    return str(caught.value)


def test_people_who_may_not(new_site: Any, stage: Stage) -> None:
    """A developer, a stranger, somebody whose token may only read: each is told what is missing."""
    site = new_site()
    user, token = stage.user()
    with pytest.raises(OrchestratorError, match="404") as caught:
        site.by(token).onboard()
    assert caught.value.exit_code == 2
    site.api.members.create({"user_id": user.id, "access_level": 30})
    with pytest.raises(OrchestratorError, match="the role Developer") as caught:
        site.by(token).onboard()
    assert caught.value.exit_code == 2
    wanted = {"name": "reading", "scopes": ["read_api"]}
    reading = stage.client().http_post(f"/users/{user.id}/personal_access_tokens", post_data=wanted)["token"]
    site.api.members.delete(user.id)
    site.api.members.create({"user_id": user.id, "access_level": 40})
    with pytest.raises(OrchestratorError, match="scope `api`") as caught:
        site.by(str(reading)).onboard()
    assert caught.value.exit_code == 2
    refused(site.by("glpat-wrong-token"), 2, "does not accept the token")
    assert site.triggers() == []


def test_an_owner_who_is_blocked(new_site: Any, stage: Stage) -> None:
    """The token of somebody who was blocked starts no pipeline: the run says so, and `--rotate` mends it."""
    site = new_site()
    user, token = stage.user()
    site.api.members.create({"user_id": user.id, "access_level": 40})
    site.by(token).onboard()
    stage.client().http_post(f"/users/{user.id}/block")
    refused(site, 2, "is blocked or has left", "--rotate")
    site.onboard(rotate=True)
    assert site.value() == site.triggers()[0].token


def test_somebodys_parameter(new_site: Any, stage: Stage) -> None:
    """A parameter that somebody has stored by hand is not overwritten, unless `--rotate` says so."""
    site = new_site()
    stage.ssm.put_parameter(Name=site.parameter, Value="by-hand", Type="SecureString", Description="of Bob")
    refused(site, 5, "stored by something else", "--rotate")
    assert site.value() == "by-hand"
    assert any("stays" in note for note in site.offboard(dry_run=True).notes)
    site.onboard(rotate=True)
    assert site.value() == site.triggers()[0].token


def test_a_parameter_in_the_open(new_site: Any, stage: Stage) -> None:
    """A token in a parameter of type String is refused, and rotated into a SecureString."""
    site = new_site()
    stage.ssm.put_parameter(Name=site.parameter, Value="readable", Type="String")
    refused(site, 2, "the type String", "SecureString")
    site.onboard(rotate=True)
    assert site.described()["Type"] == "SecureString"


def test_parameters_of_a_clone(new_site: Any, stage: Stage) -> None:
    """With `source: clone` two more parameters must be in the project's region; the message says where one is."""
    site = new_site(configuration=f"{CONFIGURATION}source: clone\n")
    other = aws.client("ssm", "us-east-1")
    other.put_parameter(Name="/gitlab/pat", Value="x", Type="SecureString")
    region = {"AWS_REGION": "us-east-1"}
    told = refused(site, 2, "it is in us-east-1", "`/gitlab/username` is missing", environment=region)
    assert told.startswith("2 things are in the way")
    other.delete_parameter(Name="/gitlab/pat")


def test_a_bucket_of_somebody_else(new_site: Any, stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bucket name that another account has is found out before anything is made."""
    site = new_site(platform=False)
    stage.faults({"service": "s3", "operation": "HeadBucket", "answers": [{"kind": "status", "status": 403}]})
    refused(site, 5, f"the bucket name `{site.name}-123456789012-eu-central-1` is taken", "artifacts.bucket")


def test_an_empty_repository(new_site: Any) -> None:
    """A repository without commits has no branch that a merge request could go to."""
    refused_empty = new_site({})
    with pytest.raises(OrchestratorError, match="is empty") as caught:
        refused_empty.onboard()
    assert caught.value.exit_code == 2
    assert refused_empty.triggers() == []


def test_what_lint_does_not_accept(new_site: Any) -> None:
    """A component that this GitLab does not have is found by its lint, before there is a merge request."""
    site = new_site()
    missing = "$CI_SERVER_FQDN/platform/codebuild-orchestrator/codebuild@v9"
    refused(site, 2, "not found", "--component", component=missing)


def test_a_file_with_tabs(new_site: Any) -> None:
    """A `.gitlab-ci.yml` that is no YAML is left alone, and the lines to add are told."""
    site = new_site({".gitlab-ci.yml": "job:\n\tscript: x\n"})
    assert "component: $CI_SERVER_FQDN" in refused(site, 2, ".gitlab-ci.yml:2")


def test_somebodys_branch_and_merge_request(new_site: Any) -> None:
    """A branch or a merge request of our name that onboard has not made is nobody's to overwrite."""
    site = new_site()
    branch = f"orchestrator/onboard-{site.name}"
    site.api.branches.create({"branch": branch, "ref": "main"})
    refused(site, 5, "there is a branch")
    site.api.mergerequests.create({"source_branch": branch, "target_branch": "main", "title": "Mine"})
    refused(site, 5, "there is a merge request", "Mine")


def test_a_branch_that_is_not_protected(new_site: Any) -> None:
    """Protected variables do not reach a branch that is not protected: the run says what to do."""
    site = new_site()
    site.api.protectedbranches.delete("main")
    assert any("is not protected" in note for note in site.onboard().notes)


def test_a_merge_request_that_was_closed(new_site: Any) -> None:
    """Whoever has closed the merge request and runs onboard again gets a new one, with what is wanted now."""
    site = new_site()
    site.onboard()
    (request,) = site.requests()
    request.state_event = "close"
    request.save()
    site.push({".gitlab-ci.yml": "stages: [scan]\njob:\n  stage: scan\n  script: x\n"})
    site.onboard()
    (new,) = site.requests()
    assert new.iid != request.iid
    assert "scan" in site.text(".gitlab-ci.yml", new.source_branch)


def test_offboard_undoes_what_was_merged(new_site: Any, stage: Stage) -> None:
    """After the merge, offboard opens a merge request that brings the files back to what they were, to the byte."""
    theirs = "stages: [test]\r\njob:\r\n  script: [x]"
    site = new_site({".gitlab-ci.yml": theirs})
    site.onboard()
    site.merge()
    site.push({"other.txt": "later"})
    site.offboard()
    assert (site.triggers(), site.described(), site.variables()) == ([], None, {})
    (request,) = site.requests()
    assert site.offboard().steps == []
    request.merge()
    assert site.api.files.get(".gitlab-ci.yml", ref="main").decode() == theirs.encode()
    assert "orchestrator.yml" not in {item["path"] for item in site.api.repository_tree(get_all=True)}
    assert site.offboard().steps == []


def test_offboard_keeps_packages_unless_told(new_site: Any, stage: Stage) -> None:
    """Packages stay; with `--delete-artifacts` those of this project go, with all versions, and nobody else's."""
    site = new_site()
    s3 = aws.client("s3", "eu-central-1")
    s3.create_bucket(Bucket="shared-artifacts", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket="shared-artifacts", VersioningConfiguration={"Status": "Enabled"})
    for key in (f"{site.name}/artifacts/a", f"{site.name}/artifacts/a", f"{site.name}-other/b"):
        s3.put_object(Bucket="shared-artifacts", Key=key, Body=b"x")
    site.onboard()
    site.offboard()
    assert len(s3.list_object_versions(Bucket="shared-artifacts")["Versions"]) == 3
    outcome = site.offboard(packages=True)
    left = s3.list_object_versions(Bucket="shared-artifacts")["Versions"]
    assert [item["Key"] for item in left] == [f"{site.name}-other/b"]
    assert any("2 versions" in note for note in outcome.notes)


def test_nobody_else_is_offboarded(new_site: Any, stage: Stage) -> None:
    """Tokens, variables and requests without our mark stay, also those that look like ours."""
    site = new_site()
    site.onboard()
    site.api.triggers.create({"description": "orchestrator:999:eu-central-1:/gitlab/trigger/other"})
    site.api.variables.create({"key": "ORCHESTRATOR_OTHER", "value": "x", "description": "mine"})
    site.offboard()
    assert len(site.triggers()) == 1
    assert list(site.variables()) == ["ORCHESTRATOR_OTHER"]


def test_another_folder_of_the_same_project(new_site: Any) -> None:
    """The component serves one folder: a second one is refused, in place of being told that everything is there."""
    included = f'include:\n  - component: {ADDRESS}\n    inputs: {{directory: "services/a/"}}\n'
    site = new_site({".gitlab-ci.yml": included})
    refused(site, 2, "the component for another folder", "`directory: services/a`", "one orchestrator.yml")


@pytest.mark.parametrize("left", ["", "include: []\n"], ids=["nothing", "others"])
def test_offboard_after_the_component_was_taken_out_by_hand(new_site: Any, left: str) -> None:
    """What cannot be undone leaves no branch, and once it was done by hand offboard has nothing more to do."""
    theirs = "job:\n  script: [x]\n"
    site = new_site({".gitlab-ci.yml": theirs})
    site.onboard()
    site.merge()
    site.push({".gitlab-ci.yml": site.text(".gitlab-ci.yml").replace(f"{ADDRESS}\n", f"{ADDRESS}  # pinned\n")})
    with pytest.raises(OrchestratorError, match="by hand") as caught:
        site.offboard()
    assert caught.value.exit_code == 2
    assert [item.name for item in site.api.branches.list(get_all=True)] == ["main"]
    site.push({".gitlab-ci.yml": theirs + left})
    assert site.offboard().steps == []
    assert site.requests() == []


def test_an_interrupted_revert_on_a_head_that_is_one(new_site: Any) -> None:
    """A branch that a killed run has made is not taken for done because the head of the default branch is a revert."""
    site = new_site({".gitlab-ci.yml": "job:\n  script: [x]\n"})
    site.onboard()
    site.merge()
    actions = [{"action": "create", "file_path": "later.txt", "content": "x"}]
    site.api.commits.create({"branch": "main", "commit_message": 'Revert "something else"', "actions": actions})
    branch = f"orchestrator/offboard-{site.name}"
    site.api.branches.create({"branch": branch, "ref": "main"})
    site.offboard()
    assert site.text(".gitlab-ci.yml", branch) == "job:\n  script: [x]\n"


def test_roles_of_another_project(new_site: Any, stage: Stage) -> None:
    """Two GitLab projects of one name in AWS (`a/b-c`, `a-b/c`): the second is not given the roles of the first."""
    site = new_site()
    name = f"/orchestrator/platform/roles/{site.name}/gitlab_project"
    stage.ssm.put_parameter(Name=name, Value="somebody/else", Type="String", Overwrite=True)
    refused(site, 5, "are for another GitLab project", "`somebody/else`", site.api.path_with_namespace)
    assert site.variables() == {}
