"""What a `.gitlab-ci.yml` says: from text at a commit to the jobs of one pipeline; no process, no HTTP."""
