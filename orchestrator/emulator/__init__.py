"""The local stand-in for AWS and GitLab, which real clients talk to over HTTP."""
