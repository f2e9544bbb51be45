"""The whole loop on one machine, as a user would live it: push, pipeline, build, trigger, package."""
