"""Lambda as a deployment sees it: code from S3 by version, layers below functions, and honest answers."""

from __future__ import annotations

import base64
import hashlib
import io
import platform
import uuid
import zipfile
from typing import Any

import pytest
from botocore.exceptions import ClientError
from elves import ARM64, X86_64, elf

from orchestrator.effects import aws
from orchestrator.effects.functions import LambdaFunctions
from orchestrator.errors import MachineryError

REGION = "eu-central-1"
HERE, THERE = (("arm64", ARM64), ("x86_64", X86_64))[:: 1 if platform.machine() == "aarch64" else -1]
HANDLER = "import common\n\n\ndef handler(event, context):\n    print('a line')\n    return [common.WORD, event]\n"


class Account:
    """A bucket with packages, and a Lambda that takes them from there."""

    def __init__(self, bucket: str) -> None:
        self.bucket, self.name = bucket, f"f-{uuid.uuid4().hex[:12]}"
        self.s3, self.client = aws.client("s3", REGION), aws.client("lambda", REGION)
        role = aws.client("iam", REGION).create_role(RoleName=self.name, AssumeRolePolicyDocument="{}")
        self.role = role["Role"]["Arn"]

    def store(self, files: dict[str, str | bytes], key: str = "package.zip") -> tuple[dict[str, str], str]:
        """Store a zip; return where it lies, as Lambda wants to know it, and its digest in base64."""
        packed = io.BytesIO()
        with zipfile.ZipFile(packed, "w") as archive:
            for name, content in files.items():
                archive.writestr(name, content)
        version = self.s3.put_object(Bucket=self.bucket, Key=key, Body=packed.getvalue())["VersionId"]
        digest = base64.b64encode(hashlib.sha256(packed.getvalue()).digest()).decode()
        return {"S3Bucket": self.bucket, "S3Key": key, "S3ObjectVersion": version}, digest

    def layer(self, files: dict[str, str | bytes]) -> Any:
        """Publish a version of the layer."""
        return self.client.publish_layer_version(LayerName=self.name, Content=self.store(files)[0])

    def function(self, code: dict[str, str], layers: list[str], **settings: Any) -> None:
        """Make the function, and an alias for its first version."""
        self.client.create_function(
            FunctionName=self.name,
            Role=self.role,
            Handler="handler.handler",
            Code=code,
            Layers=layers,
            **{"Architectures": [HERE[0]], "Publish": True, "Runtime": "python3.12", **settings},
        )
        version = self.client.publish_version(FunctionName=self.name)["Version"]
        self.client.create_alias(FunctionName=self.name, Name="test", FunctionVersion=version)


@pytest.fixture
def account(bucket: str) -> Account:
    """Return an account that has nothing but a bucket."""
    return Account(bucket)


def test_an_alias_runs_the_version_that_was_named(account: Account) -> None:
    """The object's version counts, not what lies under the key now; the layer is below the function and stays there."""
    layer = account.layer({"python/common.py": "WORD = 'layer'\n"})
    code, digest = account.store({"handler.py": HANDLER})
    account.store({"handler.py": "a newer object under the same key"})
    account.function(code, [layer["LayerVersionArn"]])
    functions = LambdaFunctions(REGION)
    record = functions.function(account.name, "test")
    assert (record.version, record.state, record.update) == ("1", "Active", "Successful")
    assert (record.architecture, record.code_sha256) == (HERE[0], digest)
    assert functions.layer_sha256(account.name, 1) == layer["Content"]["CodeSha256"]
    account.client.delete_layer_version(LayerName=account.name, VersionNumber=1)
    answer = functions.call(account.name, "test", b'{"say": 1}')
    assert (answer.payload, answer.failed, answer.not_run) == ('["layer", {"say": 1}]', False, "")
    assert "a line" in answer.log


def test_a_function_that_fails_says_so(account: Account) -> None:
    """An exception is an answer that failed, with the log; a function that is not there is no answer."""
    code, _ = account.store({"handler.py": HANDLER})
    account.function(code, [])
    answer = LambdaFunctions(REGION).call(account.name, "test", b"{}")
    assert answer.failed
    assert "No module named 'common'" in answer.payload
    with pytest.raises(MachineryError, match="cannot look at the function `none:test`"):
        LambdaFunctions(REGION).function("none", "test")


@pytest.mark.parametrize(
    ("architecture", "machine", "words"),
    [
        (THERE, THERE, f"is for {THERE[0]}"),
        (HERE, THERE, f"is for {THERE[0]}"),
        (THERE, HERE, f"the function is for {THERE[0]}"),
    ],
)
@pytest.mark.parametrize("place", ["function", "layer"])
def test_machine_code_that_cannot_run_here_is_not_called(
    account: Account, architecture: tuple[str, int], machine: tuple[str, int], words: str, place: str
) -> None:
    """Neither a success nor a failure is made up for a processor that this machine does not have."""
    files: dict[str, str | bytes] = {"python/native.so": elf(machine[1])}
    code, _ = account.store({"handler.py": "def handler(e, c): pass\n", **(files if place == "function" else {})})
    layers = [account.layer(files)["LayerVersionArn"]] if place == "layer" else []
    account.function(code, layers, Architectures=[architecture[0]])
    answer = LambdaFunctions(REGION).call(account.name, "test", b"{}")
    assert words in answer.not_run
    assert (answer.payload, answer.failed) == ("", False)


def test_machine_code_of_this_machine_runs_with_the_python_of_its_runtime(account: Account) -> None:
    """A function with machine code is run by the Python that its code is for, or not at all."""
    source = "import sys\n\n\ndef handler(event, context):\n    return list(sys.version_info[:2])\n"
    code, _ = account.store({"handler.py": source, "native.so": elf(HERE[1])})
    account.function(code, [], Runtime="python3.10")
    answer = LambdaFunctions(REGION).call(account.name, "test", b"{}")
    assert answer.payload == "[3, 10]" or "no Python 3.10" in answer.not_run


@pytest.mark.parametrize("change", [{"S3Key": "none.zip"}, {"S3ObjectVersion": "none"}, {"S3Bucket": "no-such-bucket"}])
def test_code_that_is_not_there_is_refused(account: Account, change: dict[str, str]) -> None:
    """A package that has expired, or another version of it, is an error of the deployment and no empty function."""
    code, _ = account.store({"handler.py": HANDLER})
    with pytest.raises(ClientError, match="Error occurred while GetObject"):
        account.function({**code, **change}, [])
    account.function(code, [])
    with pytest.raises(ClientError, match="Error occurred while GetObject"):
        account.client.update_function_code(FunctionName=account.name, **{**code, **change})


def test_code_that_is_updated_has_its_processor(account: Account) -> None:
    """Moving to Graviton is a change of code and processor together."""
    code, _ = account.store({"handler.py": "def handler(e, c): pass\n"})
    account.function(code, [], Architectures=["x86_64"])
    account.client.update_function_code(FunctionName=account.name, Architectures=["arm64"], **code)
    assert account.client.get_function_configuration(FunctionName=account.name)["Architectures"] == ["arm64"]
