"""Analytic units whose invariances are known."""
