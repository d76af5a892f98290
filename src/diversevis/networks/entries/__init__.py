"""The networks that come with the package, one file an origin; each names its own in NETWORKS."""
