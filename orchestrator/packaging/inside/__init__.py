"""What CodeBuild runs: one command per phase of the buildspec."""
