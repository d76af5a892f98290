# Names that the other rules share.

from diversevis.controls.units import KINDS

RESULTS = f"results/{config['scale']}"
DRAWN = f"figures/{config['scale']}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
ENVIRONMENT = "../../envs/diversevis.yaml"

LAYERS = [
    (network, layer) for network, names in config["layers"].items() for layer in names
]


CONTROLS = [("controls", kind) for kind in KINDS]
REPEATS = range(config["invariance"]["repeats"])


wildcard_constraints:
    network="|".join([*config["layers"], "controls"]),
    layer=r"[a-z0-9_.]+",
    repeat=r"\d+",


def of_every_layer(pattern, layers=LAYERS):
    """Return a path pattern filled in for every network and layer of the run."""
    return [
        pattern.format(results=RESULTS, figures=DRAWN, network=network, layer=layer)
        for network, layer in layers
    ]


def included(wildcards):
    """Return the channels that the configuration wants of a layer in any case."""
    names = config["units"].get("include", {})
    return names.get(wildcards.network, {}).get(wildcards.layer, [])


def invariance_inputs(wildcards):
    """Return what the test of a layer starts from; controls start from nothing."""
    if wildcards.network == "controls":
        return {}
    return {
        "sweep": f"{RESULTS}/synthesis/{wildcards.network}/{wildcards.layer}/sweep.npz",
        "natural": f"{RESULTS}/natural/{wildcards.network}/{wildcards.layer}.npz",
    }
