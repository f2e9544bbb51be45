"""GitLab on loopback: its REST API, git over HTTP, and pipelines that really run."""
