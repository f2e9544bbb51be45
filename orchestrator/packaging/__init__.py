"""What runs inside the build: fetch, resolve, install, inspect, archive, deliver, and call home.

Ships as one zipapp together with `orchestrator.errors`; needs only the standard library until `install` has run.
"""
