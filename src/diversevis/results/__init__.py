"""What is on disk: one class for each kind of result, and the registry of quantities."""
