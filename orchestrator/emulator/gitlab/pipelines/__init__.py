"""The life of a pipeline: how it is created, how its jobs follow each other, how it is cancelled."""
