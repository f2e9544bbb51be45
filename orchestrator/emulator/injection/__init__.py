"""Faults on purpose: what to answer wrongly, when, and how that looks on the wire."""
