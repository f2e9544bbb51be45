"""The Lambda function behind `return: event`: a build has ended, so the pipeline that takes it home is called."""
