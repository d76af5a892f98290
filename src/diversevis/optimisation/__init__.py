"""Gradient descent for many independent problems at once."""
