"""Selection, statistics and tables over synthesised sets."""
