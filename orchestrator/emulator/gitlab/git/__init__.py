"""The repositories of the emulator: bare, on disk, served by the real `git http-backend`."""
