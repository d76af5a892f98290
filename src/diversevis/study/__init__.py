"""A run: typed settings, layout, stages, freshness and provenance."""
