"""Starting a pipeline of the project whose job this is, with nothing but the job's own token."""

from __future__ import annotations

from pathlib import Path

from orchestrator.gitlab_trigger import Gate, declares_input, start_pipeline
from orchestrator.patience import Patience
from orchestrator.ports import Narrator


class JobPipelines:
    """Starts pipelines with the source `pipeline` (GitLab docs: ci/jobs/ci_job_token, api/pipeline_triggers).

    The token ends with the job; it is in the body of one request, and nowhere else. `config` is the job's own
    `.gitlab-ci.yml`: if that declares the input, the build id goes as the input first.
    """

    def __init__(
        self,
        api_url: str,
        project: str,
        token: str,
        *,
        config: Path,
        narrate: Narrator,
        patience: Patience | None = None,
    ) -> None:
        self._api_url = api_url
        self._project = project
        self._token = token
        self._patience = patience or Patience()
        self._config = config
        self._narrate = narrate

    def start(self, ref: str, build_id: str) -> str:
        """Start the pipeline that brings this package home; return its address."""
        hint = f"check that whoever started this job may run pipelines of `{self._project}` on `{ref}`"
        gate = Gate(self._api_url, self._project, "", inputs=self._declares_input(), hint=hint)
        pipeline = start_pipeline(gate, self._token, ref, build_id, self._patience)
        if pipeline.remark:
            self._narrate(pipeline.remark)
        return pipeline.web_url or pipeline.id

    def _declares_input(self) -> bool:
        try:
            return declares_input(self._config.read_text(encoding="utf-8"))
        except (OSError, UnicodeDecodeError):  # it may lie in another project
            return False
