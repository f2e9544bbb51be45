"""From what the user requires to a lock: exact files for one target."""
