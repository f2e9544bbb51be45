"""What in a finished zip cannot run on its target."""
