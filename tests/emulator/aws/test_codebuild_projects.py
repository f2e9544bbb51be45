"""Projects, through real boto3 over HTTP."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError

_SPEC = "version: 0.2\nphases: {build: {commands: [true]}}"


def _refusal(call: Any, **request: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**request)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_a_project_is_told_with_the_defaults_of_the_service(aws: Any) -> None:
    """What was not given is filled in as AWS does."""
    name = aws.project(_SPEC, tags=[{"key": "a", "value": "b"}])
    project = aws.client("codebuild").batch_get_projects(names=[name, "absent"])
    [found] = project["projects"]
    assert project["projectsNotFound"] == ["absent"]
    assert found["arn"] == f"arn:aws:codebuild:eu-central-1:123456789012:project/{name}"
    assert (found["timeoutInMinutes"], found["queuedTimeoutInMinutes"]) == (60, 480)
    assert found["projectVisibility"] == "PRIVATE"
    assert found["tags"] == [{"key": "a", "value": "b"}]
    assert found["created"].year >= 2024


def test_update_changes_only_what_is_given(aws: Any) -> None:
    """Members that an update leaves out stay as they were."""
    name = aws.project(_SPEC, description="old", concurrentBuildLimit=2, timeoutInMinutes=10)
    before = aws.client("codebuild").batch_get_projects(names=[name])["projects"][0]
    after = aws.client("codebuild").update_project(name=name, description="new")["project"]
    assert after.pop("lastModified") > before.pop("lastModified")
    assert after == before | {"description": "new"}
    unlimited = aws.client("codebuild").update_project(name=name, concurrentBuildLimit=-1)["project"]
    assert "concurrentBuildLimit" not in unlimited


def test_delete_is_idempotent(aws: Any) -> None:
    """Deleting twice is no error, and the project is gone."""
    name = aws.project(_SPEC)
    for _ in range(2):
        aws.client("codebuild").delete_project(name=name)
    assert aws.client("codebuild").batch_get_projects(names=[name])["projectsNotFound"] == [name]


def test_lists_are_sorted_and_paged(own_aws: Any) -> None:
    """Every project comes exactly once, a hundred to a page."""
    client = own_aws.client("codebuild")
    names = sorted(own_aws.project(_SPEC) for _ in range(103))
    first = client.list_projects()
    assert (len(first["projects"]), bool(first["nextToken"])) == (100, True)
    pages = client.get_paginator("list_projects").paginate(sortBy="NAME", sortOrder="ASCENDING")
    assert [name for page in pages for name in page["projects"]] == names
    assert client.list_projects(sortOrder="DESCENDING")["projects"][0] == names[-1]
    assert _refusal(client.list_projects, nextToken="rubbish")[0] == "InvalidInputException"


@pytest.mark.parametrize(
    ("members", "code", "text"),
    [
        ({"name": "a b"}, "InvalidInputException", "regular expression pattern"),
        ({"name": "x" * 151}, "InvalidInputException", "less than or equal to 150"),
        ({"timeoutInMinutes": 2161}, "InvalidInputException", "timeoutInMinutes"),
        ({"source": {"type": "NO_SOURCE"}}, "InvalidInputException", "requires an inline buildspec"),
        ({"source": {"type": "NO_SOURCE", "buildspec": "a.yml"}}, "InvalidInputException", "inline buildspec"),
        ({"source": {"type": "S3"}}, "InvalidInputException", "location"),
        ({"source": {"type": "SVN", "buildspec": _SPEC}}, "InvalidInputException", "enum value set"),
        ({"artifacts": {"type": "S3"}}, "InvalidInputException", "location"),
        ({"tags": [{"key": "k", "value": "v"}] * 51}, "InvalidInputException", "less than or equal to 50"),
    ],
)
def test_a_wrong_project_is_refused(aws: Any, members: dict[str, Any], code: str, text: str) -> None:
    """Each broken rule gives the error of the service and names the member."""
    with pytest.raises(ClientError) as caught:
        aws.project(_SPEC, **members)
    assert caught.value.response["Error"]["Code"] == code
    assert text in caught.value.response["Error"]["Message"]


def test_names_are_unique_and_must_exist(aws: Any) -> None:
    """Creating twice and using what is not there give the service's own errors."""
    client = aws.client("codebuild")
    name = aws.project(_SPEC)
    with pytest.raises(client.exceptions.ResourceAlreadyExistsException):
        aws.project(_SPEC, name=name)
    for call, request in (
        (client.update_project, {"name": "absent"}),
        (client.start_build, {"projectName": "absent"}),
        (client.list_builds_for_project, {"projectName": "absent"}),
        (client.invalidate_project_cache, {"projectName": "absent"}),
        (client.stop_build, {"id": "absent:1"}),
        (client.retry_build, {"id": "absent:1"}),
    ):
        assert _refusal(call, **request)[0] == "ResourceNotFoundException"


def test_an_operation_the_emulator_lacks_says_so(aws: Any) -> None:
    """Nothing pretends to work: an unknown operation is an error with its name."""
    code, message = _refusal(aws.client("codebuild").list_report_groups)
    assert code == "UnknownOperationException"
    assert "ListReportGroups" in message


def test_regions_are_apart(aws: Any) -> None:
    """A project exists in the region it was made in, and carries it in its ARN."""
    name = aws.project(_SPEC)
    elsewhere = aws.client("codebuild", region="eu-west-1")
    assert elsewhere.batch_get_projects(names=[name])["projectsNotFound"] == [name]


def test_curated_images_name_arm(aws: Any) -> None:
    """`doctor` can look images up."""
    platforms = aws.client("codebuild").list_curated_environment_images()["platforms"]
    images = [
        image["name"] for platform in platforms for language in platform["languages"] for image in language["images"]
    ]
    assert "aws/codebuild/amazonlinux-aarch64-standard:3.0" in images
