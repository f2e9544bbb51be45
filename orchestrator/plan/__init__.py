"""What will happen: pure functions from configuration to a frozen plan."""
