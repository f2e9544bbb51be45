"""EventBridge's half that moto lacks: events of builds, and their delivery to functions and queues."""
