"""What there is in an account beside buckets: its OIDC provider, roles that trust it, CodeBuild projects of ours."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import unquote

from botocore.exceptions import ClientError

from orchestrator.effects.aws import aws_errors, error_code, patient
from orchestrator.effects.codebuild import CodeBuildService
from orchestrator.patience import Patience
from orchestrator.plan.platform import Account
from orchestrator.platform_ports import Provider, TrustingRole
from orchestrator.records import ProjectRecord


class AwsAccountView:
    """One account, and of it one region."""

    def __init__(self, region: str, patience: Patience | None = None) -> None:
        waits = patience or Patience()
        self._sts = patient("sts", region, waits)
        self._iam = patient("iam", region, waits)
        self._codebuild = patient("codebuild", region, waits)
        self._builds = CodeBuildService(region, waits)

    def account(self) -> Account:
        """Return the account that the credentials belong to."""
        with aws_errors("cannot find out which AWS account this is"):
            caller = self._sts.get_caller_identity()
        return Account(str(caller["Account"]), str(caller["Arn"]).split(":")[1])

    def provider(self, arn: str) -> Provider | None:
        """Return the OIDC provider, None when there is none."""
        with aws_errors(f"cannot look at `{arn}`"):
            try:
                found = self._iam.get_open_id_connect_provider(OpenIDConnectProviderArn=arn)
            except ClientError as error:
                if error_code(error) == "NoSuchEntity":
                    return None
                raise
        return Provider(tuple(found.get("ClientIDList", [])), _tags(found.get("Tags", [])))

    def roles_trusting(self, provider_arn: str) -> Sequence[TrustingRole]:
        """Return every role of the account that can be taken through the provider."""
        with aws_errors("cannot look for roles that jobs take"):
            return [
                TrustingRole(role["Arn"], _tags(self._iam.list_role_tags(RoleName=role["RoleName"]).get("Tags", [])))
                for role in self._roles()
                if provider_arn in _federated(role.get("AssumeRolePolicyDocument"))
            ]

    def build_projects(self) -> Sequence[ProjectRecord]:
        """Return the CodeBuild projects of the region that the orchestrator has made."""
        with aws_errors("cannot look for CodeBuild projects"):
            names = list(self._project_names())
        return [project for project in self._builds.projects(names).values() if project.settings_digest]

    def _roles(self) -> Iterator[Mapping[str, Any]]:
        more: dict[str, str] = {}
        while True:
            page = self._iam.list_roles(**more)
            yield from page["Roles"]
            if not page.get("IsTruncated"):
                return
            more = {"Marker": page["Marker"]}

    def _project_names(self) -> Iterator[str]:
        more: dict[str, str] = {}
        while True:
            page = self._codebuild.list_projects(**more)
            yield from page["projects"]
            if not page.get("nextToken"):
                return
            more = {"nextToken": page["nextToken"]}


def _tags(tags: Iterable[Mapping[str, str]]) -> dict[str, str]:
    return {tag["Key"]: tag["Value"] for tag in tags}


def _federated(policy: Any) -> set[str]:
    """Return the providers that a trust policy names; botocore decodes it, what stands in for AWS may not."""
    document = json.loads(unquote(policy)) if isinstance(policy, str) else policy or {}
    statements = document.get("Statement", [])
    found: set[str] = set()
    for statement in statements if isinstance(statements, list) else [statements]:
        principal = statement.get("Principal")
        named = principal.get("Federated", []) if isinstance(principal, dict) else []
        found |= {named} if isinstance(named, str) else set(named)
    return found
