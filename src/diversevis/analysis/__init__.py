"""Choice of units, statistics, tables and claims."""
