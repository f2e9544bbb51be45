"""What runs inside one build: a buildspec, a shell, its log, its source and its artifacts."""
