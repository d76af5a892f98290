"""Statistics, tables and claims."""
