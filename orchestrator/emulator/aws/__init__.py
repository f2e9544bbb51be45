"""AWS on loopback: moto, with our own CodeBuild in front of it."""
