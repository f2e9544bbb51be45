"""Our own CodeBuild: the API of projects and builds, spoken as botocore's service model says."""
