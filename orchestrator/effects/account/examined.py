"""An AWS account as `doctor` looks at it: everything is read, nothing is changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from email.utils import parsedate_to_datetime
from typing import Any

from botocore.exceptions import ClientError

from orchestrator.doctor_ports import BucketState, Identity, Quota
from orchestrator.effects.aws import aws_errors, client, error_code, patient
from orchestrator.errors import MachineryError
from orchestrator.onboarding_ports import StoredParameter
from orchestrator.patience import Patience

_SERVICES = ("codebuild", "s3", "service-quotas", "ssm", "sts")
_ABSENT = {"404", "NoSuchBucket", "NotFound"}
_CLOSED = {"403", "AccessDenied", "Forbidden"}


class AwsAccount:
    """The account of the caller, in one region."""

    def __init__(self, region: str, patience: Patience) -> None:
        self._region, self._patience = region, patience
        for service in _SERVICES:
            client(service, region)  # made one after another: a session is not made for threads

    def identity(self) -> Identity:
        """Return who asks."""
        with aws_errors("AWS does not know who asks"):
            caller = self._of("sts").get_caller_identity()
        return Identity(str(caller["Account"]), str(caller["Arn"]))

    def time(self) -> datetime:
        """Return what time it is at AWS, by the header of an answer, which may well be a refusal."""
        with aws_errors("AWS does not tell the time"):
            try:
                answer = client("sts", self._region).get_caller_identity()
            except ClientError as error:
                answer = error.response
        told = answer.get("ResponseMetadata", {}).get("HTTPHeaders", {}).get("date", "")
        try:
            return parsedate_to_datetime(told).astimezone(timezone.utc)
        except (TypeError, ValueError):
            raise MachineryError("AWS does not tell the time", detail="observed: an answer without a date") from None

    def images(self) -> Sequence[str]:
        """Return the images that CodeBuild offers in the region, by name."""
        with aws_errors(f"cannot read CodeBuild's images in {self._region}"):
            answer = self._of("codebuild").list_curated_environment_images()
        return [
            str(image["name"])
            for platform in answer.get("platforms", [])
            for language in platform.get("languages", [])
            for image in language.get("images", [])
        ]

    def quotas(self) -> Mapping[str, Quota]:
        """Return CodeBuild's quotas by name: those of this account in place of the defaults."""
        found: dict[str, Quota] = {}
        with aws_errors(f"cannot read CodeBuild's quotas in {self._region}"):
            for operation in ("list_aws_default_service_quotas", "list_service_quotas"):
                for quota in self._pages("service-quotas", operation, "Quotas", ServiceCode="codebuild"):
                    found[str(quota["QuotaName"])] = Quota(str(quota["QuotaCode"]), float(quota["Value"]))
        return found

    def parameters(self, names: Sequence[str], region: str) -> Mapping[str, StoredParameter]:
        """Return those of the SSM parameters that are in a region, by name."""
        if not names:  # which SSM refuses to be asked
            return {}
        filters = [{"Key": "Name", "Option": "Equals", "Values": list(names)}]
        with aws_errors(f"cannot look up SSM parameters in {region}"):
            pages = self._pages("ssm", "describe_parameters", "Parameters", region, ParameterFilters=filters)
            return {one["Name"]: StoredParameter(one["Name"], one["Type"], one.get("Description", "")) for one in pages}

    def bucket(self, name: str, account: str) -> BucketState:
        """Return what a bucket is to an account."""
        s3 = self._of("s3")
        with aws_errors(f"cannot look at the bucket `{name}`"):
            try:
                s3.head_bucket(Bucket=name, ExpectedBucketOwner=account)
            except ClientError as error:
                if error_code(error) in _ABSENT:
                    return BucketState.ABSENT
                if error_code(error) not in _CLOSED:
                    raise
            else:
                return BucketState.OURS
            # A closed bucket is somebody else's, or one that this role may not look at: the list of our own decides.
            own = {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}
            return BucketState.OURS if name in own else BucketState.FOREIGN

    def _of(self, service: str, region: str = "") -> Any:
        return patient(service, region or self._region, self._patience)

    def _pages(self, service: str, operation: str, member: str, region: str = "", **asked: Any) -> Iterator[Any]:
        more: dict[str, str] = {}
        while True:
            page = getattr(self._of(service, region), operation)(**asked, **more)
            yield from page.get(member, [])
            if not page.get("NextToken"):
                return
            more = {"NextToken": page["NextToken"]}
