"""The keywords of `.gitlab-ci.yml` and their closed sets of values (GitLab docs: ci/yaml)."""

from __future__ import annotations

GLOBAL = frozenset(
    [
        "default",
        "include",
        "stages",
        "variables",
        "workflow",
        "spec",
        "image",
        "services",
        "cache",
        "before_script",
        "after_script",
    ]
)
DEFAULT = frozenset(
    [
        "after_script",
        "artifacts",
        "before_script",
        "cache",
        "hooks",
        "id_tokens",
        "identity",
        "image",
        "interruptible",
        "retry",
        "services",
        "tags",
        "timeout",
    ]
)
JOB = DEFAULT | frozenset(
    [
        "allow_failure",
        "coverage",
        "dast_configuration",
        "dependencies",
        "environment",
        "except",
        "extends",
        "inherit",
        "manual_confirmation",
        "needs",
        "only",
        "pages",
        "parallel",
        "publish",
        "release",
        "resource_group",
        "rules",
        "run",
        "script",
        "secrets",
        "stage",
        "start_in",
        "trigger",
        "variables",
        "when",
    ]
)
WORKFLOW = frozenset({"name", "rules", "auto_cancel"})
RULE = frozenset(
    {"if", "changes", "exists", "when", "start_in", "allow_failure", "variables", "needs", "interruptible"}
)
WORKFLOW_RULE = frozenset({"if", "changes", "exists", "when", "variables", "auto_cancel"})
AUTO_CANCEL = frozenset({"conservative", "interruptible", "none"})

WHEN = frozenset({"on_success", "on_failure", "always", "manual", "delayed", "never"})
WORKFLOW_WHEN = frozenset({"always", "never"})

ARTIFACTS = frozenset(
    {"name", "untracked", "paths", "reports", "when", "expire_in", "expose_as", "exclude", "public", "access"}
)
ARTIFACTS_WHEN = frozenset({"on_success", "on_failure", "always"})
REPORTS = frozenset(
    [
        "accessibility",
        "annotations",
        "api_fuzzing",
        "browser_performance",
        "cluster_image_scanning",
        "codequality",
        "container_scanning",
        "coverage_fuzzing",
        "coverage_report",
        "cyclonedx",
        "dast",
        "dependency_scanning",
        "dotenv",
        "junit",
        "license_scanning",
        "load_performance",
        "metrics",
        "performance",
        "repository_xray",
        "requirements",
        "requirements_v2",
        "sast",
        "secret_detection",
        "terraform",
    ]
)
RETRY = frozenset({"max", "when", "exit_codes"})
RETRY_WHEN = frozenset(
    [
        "always",
        "unknown_failure",
        "script_failure",
        "api_failure",
        "stuck_or_timeout_failure",
        "runner_system_failure",
        "runner_unsupported",
        "stale_schedule",
        "job_execution_timeout",
        "archived_failure",
        "unmet_prerequisites",
        "scheduler_failure",
        "data_integrity_failure",
        "forward_deployment_failure",
        "missing_dependency_failure",
        "duo_workflow_not_allowed",
    ]
)
NEED = frozenset({"job", "artifacts", "optional", "parallel", "project", "ref", "pipeline"})
VARIABLE = frozenset({"value", "description", "options", "expand"})
ENVIRONMENT = frozenset({"name", "url", "on_stop", "action", "auto_stop_in", "kubernetes", "deployment_tier"})
ENVIRONMENT_ACTION = frozenset({"start", "stop", "prepare", "verify", "access"})
POLICY = frozenset({"refs", "variables", "changes", "kubernetes"})

MAX_PARALLEL = 200
MAX_NEEDS = 50
MAX_SCRIPT_DEPTH = 10
