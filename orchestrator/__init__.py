"""Hand a GitLab build stage to AWS CodeBuild, and get the verified package back."""

__version__ = "0.1.0"
