"""WHAT IS THERE: a repository in, what `orchestrator.yml` has to say about it out. Opens nothing, asks nobody."""
