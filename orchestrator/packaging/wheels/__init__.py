"""Wheels: downloaded, or compiled on the target and completed with the libraries they need."""
