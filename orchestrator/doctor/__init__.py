"""What is wrong outside of orchestrator.yml: on this machine, in the AWS account, in the GitLab project."""
