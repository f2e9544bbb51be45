"""The runner: takes pending jobs and really runs their scripts in shells."""
