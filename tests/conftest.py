"""How properties are tried: by chance at a desk, always the same way in CI, and never against a clock."""

from __future__ import annotations

import os

from hypothesis import settings

# A property that takes long on a busy machine has not failed, and a change is not to blame for what chance finds.
settings.register_profile("orchestrator", deadline=None, derandomize=bool(os.environ.get("CI")))
settings.load_profile("orchestrator")
