"""The story: one module per stage, written over the ports."""
