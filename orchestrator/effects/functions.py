"""Lambda functions and layers, as far as a deployment looks at them."""

from __future__ import annotations

import base64
import json
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, patient
from orchestrator.patience import Patience
from orchestrator.records import Answer, FunctionRecord

# A function may run for 15 minutes (Lambda quotas). A call is not repeated: it may have done something.
_CALLING = Config(retries={"total_max_attempts": 1}, connect_timeout=10, read_timeout=15 * 60 + 10)
_NOT_IMPLEMENTED = 501


class LambdaFunctions:
    """The Lambda of one region."""

    def __init__(self, region: str, patience: Patience | None = None) -> None:
        self._region = region
        self._lambda = patient("lambda", region, patience or Patience())

    def function(self, name: str, qualifier: str) -> FunctionRecord:
        """Return what an alias or version of a function is."""
        with aws_errors(f"cannot look at the function `{name}:{qualifier}`"):
            known = self._lambda.get_function_configuration(FunctionName=name, Qualifier=qualifier)
        return FunctionRecord(
            version=known["Version"],
            state=known.get("State", "Active"),
            update=known.get("LastUpdateStatus", ""),
            reason=known.get("StateReason", "") or known.get("LastUpdateStatusReason", ""),
            architecture=known["Architectures"][0],
            code_sha256=known["CodeSha256"],
        )

    def layer_sha256(self, name: str, version: int) -> str:
        """Return the SHA-256 of a layer's version, in base64."""
        with aws_errors(f"cannot look at version {version} of the layer `{name}`"):
            known = self._lambda.get_layer_version(LayerName=name, VersionNumber=version)
        return str(known["Content"]["CodeSha256"])

    def call(self, name: str, qualifier: str, event: bytes) -> Answer:
        """Call a function once and wait for its answer. `event` is JSON."""
        client: Any = boto3.session.Session().client("lambda", region_name=self._region, config=_CALLING)
        with aws_errors(f"cannot call the function `{name}:{qualifier}`"):
            try:
                said = client.invoke(FunctionName=name, Qualifier=qualifier, Payload=event, LogType="Tail")
                payload = said["Payload"].read().decode("utf-8", "replace")
            except ClientError as error:
                # AWS never says this; a stand-in for it does, where it cannot do what AWS does.
                if error.response["ResponseMetadata"]["HTTPStatusCode"] == _NOT_IMPLEMENTED:
                    told = error.response.get("message") or error.response["Error"].get("Message") or "not implemented"
                    return Answer(not_run=str(told))
                raise
        log = base64.b64decode(said.get("LogResult", "")).decode("utf-8", "replace")
        return Answer(payload=_short(payload), failed="FunctionError" in said, log=log)


def _short(payload: str) -> str:
    try:
        return json.dumps(json.loads(payload), ensure_ascii=False)
    except ValueError:
        return payload
