# Names that the other rules share.

RESULTS = f"results/{config['scale']}"
DRAWN = f"figures/{config['scale']}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
ENVIRONMENT = "../../envs/diversevis.yaml"

LAYERS = [
    (network, layer) for network, names in config["layers"].items() for layer in names
]


wildcard_constraints:
    network="|".join(config["layers"]),
    layer=r"[a-z0-9_.]+",


def of_every_layer(pattern):
    """Return a path pattern filled in for every network and layer of the run."""
    return [
        pattern.format(results=RESULTS, figures=DRAWN, network=network, layer=layer)
        for network, layer in LAYERS
    ]


def included(wildcards):
    """Return the channels that the configuration wants of a layer in any case."""
    names = config["units"].get("include", {})
    return names.get(wildcards.network, {}).get(wildcards.layer, [])
