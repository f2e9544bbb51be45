"""REST v4, one module per resource, answers shaped as GitLab shapes them."""
