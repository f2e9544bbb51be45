"""The types of single values of `orchestrator.yml`, and what all of its blocks share."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, WithJsonSchema

from orchestrator.config import images, package_shapes, shapes, variables
from orchestrator.config.document import Odd

Name = Annotated[str, AfterValidator(shapes.name), Field(json_schema_extra={"pattern": shapes.NAME_PATTERN})]
Region = Annotated[str, AfterValidator(shapes.region), Field(json_schema_extra={"pattern": shapes.REGION_PATTERN})]
Bucket = Annotated[str, AfterValidator(shapes.bucket), Field(json_schema_extra={"pattern": shapes.BUCKET_PATTERN})]
Prefix = Annotated[str, AfterValidator(shapes.prefix), Field(json_schema_extra={"pattern": shapes.PREFIX_PATTERN})]
Parameter = Annotated[
    str, AfterValidator(shapes.parameter), Field(json_schema_extra={"pattern": shapes.PARAMETER_PATTERN})
]
StateName = Annotated[
    str, AfterValidator(shapes.state_name), Field(json_schema_extra={"pattern": shapes.STATE_NAME_PATTERN})
]
Topic = Annotated[str, AfterValidator(shapes.topic), Field(json_schema_extra={"pattern": shapes.TOPIC_PATTERN})]
KeyArn = Annotated[str, AfterValidator(shapes.key_arn), Field(json_schema_extra={"pattern": shapes.KEY_PATTERN})]
PolicyArn = Annotated[
    str, AfterValidator(shapes.policy_arn), Field(json_schema_extra={"pattern": shapes.POLICY_PATTERN})
]
SecretArn = Annotated[
    str, AfterValidator(shapes.secret_arn), Field(json_schema_extra={"pattern": shapes.STORED_PATTERN})
]
FleetArn = Annotated[str, AfterValidator(shapes.fleet), Field(json_schema_extra={"pattern": shapes.FLEET_PATTERN})]
PricedMachine = Annotated[
    str, AfterValidator(shapes.priced_machine), Field(json_schema_extra={"pattern": shapes.PRICED_MACHINE_PATTERN})
]
VpcId = Annotated[str, AfterValidator(shapes.vpc_id), Field(json_schema_extra={"pattern": shapes.VPC_PATTERN})]
SubnetId = Annotated[str, AfterValidator(shapes.subnet_id), Field(json_schema_extra={"pattern": shapes.SUBNET_PATTERN})]
SecurityGroupId = Annotated[
    str,
    AfterValidator(shapes.security_group_id),
    Field(json_schema_extra={"pattern": shapes.SECURITY_GROUP_PATTERN}),
]
CachePath = Annotated[str, AfterValidator(package_shapes.cache_path)]
GitLabPath = Annotated[
    str, AfterValidator(shapes.gitlab_path), Field(json_schema_extra={"pattern": shapes.GITLAB_PATH_PATTERN})
]
Refs = Annotated[str, AfterValidator(shapes.refs), Field(json_schema_extra={"pattern": shapes.REFS_PATTERN})]
Issuer = Annotated[str, AfterValidator(shapes.issuer), Field(json_schema_extra={"format": "uri"})]
Audience = Annotated[
    str, AfterValidator(shapes.audience), Field(json_schema_extra={"pattern": shapes.AUDIENCE_PATTERN})
]
Builds = Annotated[str, AfterValidator(shapes.builds), Field(json_schema_extra={"pattern": shapes.BUILDS_PATTERN})]
Functions = Annotated[
    str, AfterValidator(shapes.functions), Field(json_schema_extra={"pattern": shapes.FUNCTIONS_PATTERN})
]
RepositoryArn = Annotated[
    str, AfterValidator(shapes.repository_arn), Field(json_schema_extra={"pattern": shapes.REPOSITORY_PATTERN})
]
Url = Annotated[str, AfterValidator(shapes.url), Field(json_schema_extra={"format": "uri"})]
RelativePath = Annotated[str, AfterValidator(shapes.path)]
StateKey = Annotated[str, AfterValidator(shapes.state_key)]
Image = Annotated[str, AfterValidator(images.image)]
VariableName = Annotated[
    str,
    AfterValidator(variables.variable_name),
    Field(json_schema_extra={"pattern": variables.NAME_PATTERN}),
]
VariableValue = Annotated[str, AfterValidator(variables.variable_value)]
TagKey = Annotated[str, AfterValidator(shapes.tag_key)]
TagValue = Annotated[str, AfterValidator(shapes.tag_value)]
Command = Annotated[str, AfterValidator(package_shapes.command)]
Glob = Annotated[str, AfterValidator(package_shapes.glob)]
Reason = Annotated[str, AfterValidator(package_shapes.reason)]
ModuleName = Annotated[
    str, AfterValidator(package_shapes.module), Field(json_schema_extra={"pattern": package_shapes.MODULE_PATTERN})
]
Distribution = Annotated[
    str,
    AfterValidator(package_shapes.distribution),
    Field(json_schema_extra={"pattern": package_shapes.DISTRIBUTION_PATTERN}),
]
SystemPackage = Annotated[
    str,
    AfterValidator(package_shapes.system_package),
    Field(json_schema_extra={"pattern": package_shapes.SYSTEM_PACKAGE_PATTERN}),
]
VersionText = Annotated[
    str, AfterValidator(package_shapes.version), Field(json_schema_extra={"pattern": package_shapes.VERSION_PATTERN})
]
Library = Annotated[
    str, AfterValidator(package_shapes.library), Field(json_schema_extra={"pattern": package_shapes.LIBRARY_PATTERN})
]
RuntimeName = Annotated[
    str, AfterValidator(package_shapes.runtime), Field(json_schema_extra={"pattern": package_shapes.RUNTIME_PATTERN})
]


def _no_truth_value(value: object) -> object:
    # Python, and with it pydantic, takes `True` for the number 1.
    if isinstance(value, bool):
        raise ValueError("expected a whole number")  # noqa: TRY004 - pydantic collects ValueError only
    return value


def _date_as_text(value: object) -> object:
    # YAML 1.1 has dates of its own; here they are text that is checked like any other.
    return value.text if isinstance(value, Odd) and value.kind == "the date" else value


def _id_as_text(value: object) -> object:
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else value


def _dollars(value: object) -> object:
    # YAML 1.1 has many ways to write a number; here it is digits with a point, as on a price list.
    text = value.text if isinstance(value, Odd) and value.kind == "the number" else str(value)
    if isinstance(value, (bool, str)) or not shapes.matches(_DOLLARS_PATTERN, text) or float(text) > _MOST_DOLLARS:
        raise ValueError(f"expected US dollars from 0 to {_MOST_DOLLARS}, such as 0.0034")
    return float(text)


Version = Annotated[Literal[1], BeforeValidator(_no_truth_value)]
_MOST_DOLLARS = 1000
_DOLLARS_PATTERN = r"^[0-9]{1,4}([.][0-9]{1,8})?$"
Dollars = Annotated[
    float,
    BeforeValidator(_dollars),
    WithJsonSchema({"type": "number", "minimum": 0, "maximum": _MOST_DOLLARS}),
]
# CloudWatch Logs API: PutRetentionPolicy.
LogRetention = Annotated[
    Literal[1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653],
    BeforeValidator(_no_truth_value),
]
Date = Annotated[
    str,
    BeforeValidator(_date_as_text),
    AfterValidator(package_shapes.date),
    WithJsonSchema({"type": "string", "pattern": package_shapes.DATE_PATTERN}),
]
GitLabProject = Annotated[
    str,
    BeforeValidator(_id_as_text),
    AfterValidator(shapes.gitlab_project),
    WithJsonSchema({"type": ["integer", "string"], "minimum": 1, "pattern": shapes.PROJECT_PATTERN}),
]


class Model(BaseModel):
    """What all blocks share: nothing unknown, nothing converted, nothing changed afterwards."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)
