"""An inspection as people and as GitLab read it."""
