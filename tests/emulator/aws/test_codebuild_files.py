"""Sources and artifacts of builds: from S3 and back."""

from __future__ import annotations

import hashlib
import io
import json
import zipfile
from pathlib import Path, PurePosixPath
from typing import Any

import pytest

from orchestrator.emulator.aws.container import selection

_FILES = ("a.txt", "dir/b.txt", "dir/sub/c.py", ".hidden", "we[i]rd.txt")


@pytest.mark.parametrize(
    ("patterns", "excluded", "expected"),
    [
        (["**/*"], [], list(_FILES)),
        (["*"], [], ["a.txt", ".hidden", "we[i]rd.txt"]),
        (["dir/*"], [], ["dir/b.txt"]),
        (["dir/**/*"], [], ["dir/b.txt", "dir/sub/c.py"]),
        (["dir"], [], ["dir/b.txt", "dir/sub/c.py"]),
        (["**/*.py"], [], ["dir/sub/c.py"]),
        (["a.txt", "./dir/b.txt"], [], ["a.txt", "dir/b.txt"]),
        (["**/*"], ["dir/**/*", ".hidden"], ["a.txt", "we[i]rd.txt"]),
        (["?.txt"], [], ["a.txt"]),
        (["[ab].txt"], [], ["a.txt"]),
        (["absent"], [], []),
    ],
)
def test_patterns_select_files(tmp_path: Path, patterns: list[str], excluded: list[str], expected: list[str]) -> None:
    """`*` stays in one directory, `**` does not, a directory means all in it."""
    for name in _FILES:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert selection.select(tmp_path, patterns, excluded) == sorted(map(PurePosixPath, expected))


@pytest.fixture(scope="module")
def bucket(aws: Any) -> str:
    """Return a versioned bucket."""
    s3 = aws.client("s3")
    s3.create_bucket(Bucket="files", CreateBucketConfiguration={"LocationConstraint": "eu-central-1"})
    s3.put_bucket_versioning(Bucket="files", VersioningConfiguration={"Status": "Enabled"})
    return "files"


_MAKE = "mkdir -p out/deep; echo one >out/1.txt; echo two >out/deep/2.txt; chmod +x out/1.txt"


def _spec(artifacts: dict[str, Any]) -> str:
    return json.dumps({"version": "0.2", "phases": {"build": {"commands": [_MAKE]}}, "artifacts": artifacts})


def test_artifacts_are_zipped_with_their_digest(aws: Any, bucket: str) -> None:
    """Path, namespace and name make the key; sha256sum is that of the object; metadata names the build."""
    target = {
        "type": "S3", "location": bucket, "path": "/p/q/", "namespaceType": "BUILD_ID", "name": "x.zip",
        "packaging": "ZIP",
    }  # fmt: skip
    build = aws.build(_spec({"files": ["**/*"], "base-directory": "out"}), artifacts=target)
    key = f"p/q/{build['id'].partition(':')[2]}/x.zip"
    assert build["artifacts"]["location"] == f"arn:aws:s3:::{bucket}/{key}"
    answer = aws.client("s3").get_object(Bucket=bucket, Key=key)
    content = answer["Body"].read()
    assert hashlib.sha256(content).hexdigest() == build["artifacts"]["sha256sum"]
    assert answer["Metadata"]["codebuild-buildarn"] == build["arn"]
    assert zipfile.ZipFile(io.BytesIO(content)).namelist() == ["1.txt", "deep/2.txt"]


def test_artifacts_are_stored_as_files_under_a_computed_name(aws: Any, bucket: str) -> None:
    """NONE packaging, discard-paths, a name with shell text, and a secondary artifact."""
    artifacts = {
        "files": ["out/**/*"], "discard-paths": "yes", "name": "n-$(echo $CODEBUILD_BUILD_NUMBER)",
        "secondary-artifacts": {"extra": {"files": ["out/1.txt"]}},
    }  # fmt: skip
    build = aws.build(
        _spec(artifacts),
        artifacts={"type": "S3", "location": bucket, "overrideArtifactName": True, "path": "loose"},
        secondaryArtifacts=[{"type": "S3", "location": bucket, "artifactIdentifier": "extra", "name": "second"}],
    )
    listed = aws.client("s3").list_objects_v2(Bucket=bucket, Prefix="loose/")["Contents"]
    assert [entry["Key"] for entry in listed] == ["loose/n-1/1.txt", "loose/n-1/2.txt"]
    assert build["secondaryArtifacts"][0]["location"] == f"arn:aws:s3:::{bucket}/second"
    assert aws.client("s3").head_object(Bucket=bucket, Key="second/out/1.txt")


@pytest.mark.parametrize(
    ("artifacts", "target", "message"),
    [
        ({"files": ["none/*"]}, "files", "no matching artifact paths found"),
        ({"files": ["*"], "base-directory": "no"}, "files", "no matching base directory path found"),
        ({"files": ["out/*"]}, "no-such-bucket", "NoSuchBucket"),
    ],
)
def test_artifacts_that_cannot_be_stored_fail_the_build(
    aws: Any, bucket: str, artifacts: dict[str, Any], target: str, message: str
) -> None:
    """UPLOAD_ARTIFACTS fails with a CLIENT_ERROR that says why."""
    build = aws.build(_spec(artifacts), artifacts={"type": "S3", "location": target})
    context = next(phase for phase in build["phases"] if phase["phaseType"] == "UPLOAD_ARTIFACTS")["contexts"][0]
    assert (build["buildStatus"], context["statusCode"]) == ("FAILED", "CLIENT_ERROR")
    assert message in context["message"]


def test_a_zip_in_s3_is_the_source(aws: Any, bucket: str) -> None:
    """Source, its buildspec file, permissions, and exactly the version that was asked for."""
    versions = []
    for text in ("old", "new"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            script = zipfile.ZipInfo("run.sh")
            script.external_attr = 0o755 << 16
            archive.writestr(script, f"#!/bin/sh\necho {text}\n")
            archive.writestr("ci/spec.yml", "version: 0.2\nphases:\n  build:\n    commands:\n      - ./run.sh\n")
        versions.append(aws.client("s3").put_object(Bucket=bucket, Key="s.zip", Body=buffer.getvalue())["VersionId"])
    source = {"type": "S3", "location": f"{bucket}/s.zip", "buildspec": "ci/spec.yml"}
    assert aws.output(aws.build("", source=source)) == ["new"]
    assert aws.output(aws.build("", source=source, start={"sourceVersion": versions[0]})) == ["old"]
    missing = aws.build("", source=source | {"buildspec": "absent.yml"})
    assert missing["phases"][3]["contexts"][0]["message"].endswith("absent.yml: no such file or directory")
    gone = aws.build("", source=source | {"location": f"{bucket}/gone.zip"})
    assert gone["phases"][3]["contexts"][0]["statusCode"] == "CLIENT_ERROR"


def test_folders_and_secondary_sources_come_from_s3(aws: Any, bucket: str) -> None:
    """A folder is the source with its buildspec; each secondary source has its directory, address and version."""
    spec = (
        "version: 0.2\nphases:\n  build:\n    commands:\n"
        "      - find . -type f | sort\n"
        "      - cat $CODEBUILD_SRC_DIR_more/m.txt\n"
        "      - echo $CODEBUILD_SOURCE_REPO_URL_more\n"
        "      - test -n $CODEBUILD_SOURCE_VERSION_more\n"
    )
    s3 = aws.client("s3")
    for key, body in (("tree/buildspec.yml", spec), ("tree/sub/a b.txt", "x"), ("tree/", "")):
        s3.put_object(Bucket=bucket, Key=key, Body=body.encode())
    versions = []
    for text in ("old", "new"):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w") as archive:
            archive.writestr("m.txt", f"{text}\n")
        versions.append(s3.put_object(Bucket=bucket, Key="more.zip", Body=buffer.getvalue())["VersionId"])
    build = aws.build(
        "",
        source={"type": "S3", "location": f"{bucket}/tree/"},
        secondarySources=[{"type": "S3", "location": f"{bucket}/more.zip", "sourceIdentifier": "more"}],
        secondarySourceVersions=[{"sourceIdentifier": "more", "sourceVersion": versions[0]}],
    )
    assert aws.output(build) == ["./buildspec.yml", "./sub/a b.txt", "old", f"{bucket}/more.zip"]


def test_git_asks_codecommit_for_credentials(aws: Any) -> None:
    """`git-credential-helper: yes` sets up git for CodeCommit of the region, and for nothing else."""
    url = "https://git-codecommit.eu-central-1.amazonaws.com/v1/repos/x"
    command = (
        f"git config --get-urlmatch credential.helper {url}; git config --get-urlmatch credential.helper https://x.y"
    )
    spec = {"version": "0.2", "phases": {"build": {"commands": [f"{command} || true"]}}}
    build = aws.build(json.dumps(spec | {"env": {"git-credential-helper": "yes"}}))
    assert aws.output(build) == ["!aws codecommit credential-helper $@"]
