"""The networks that come with the package, one file per origin; each names its own in NETWORKS."""
