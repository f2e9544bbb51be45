"""What touches the world: one neighbour per module."""
