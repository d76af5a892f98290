# Names that the other rules share.

from diversevis.config import units_of
from diversevis.controls.units import KINDS

RESULTS = f"results/{config['scale']}"
DRAWN = f"figures/{config['scale']}"
LOGS = f"{RESULTS}/logs"
BENCHMARKS = f"{RESULTS}/benchmarks"
ENVIRONMENT = "../../envs/diversevis.yaml"

LAYERS = [
    (network, layer) for network, names in config["layers"].items() for layer in names
]


# The layer whose sets are also made distinct in pixels.
DISTANCES = tuple(config["distances"])
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


def layers_of(network):
    """Return a network's layers as `LAYERS` names them."""
    return [name for name in LAYERS if name[0] == network]


# What every computing stage takes.
RUN = {"seed": config["seed"], "device": config["device"]}


def synthesis_arguments(network, layer):
    """Return what a sweep of a layer is made with."""
    return {
        **units_of(config, network, layer),
        "settings": config["synthesis"],
        **RUN,
    }


def invariance_inputs(wildcards):
    """Return what the test of a layer starts from; controls start from nothing."""
    if wildcards.network == "controls":
        return {}
    return {
        "sweep": f"{RESULTS}/synthesis/{wildcards.network}/{wildcards.layer}/sweep.npz",
        "natural": f"{RESULTS}/natural/{wildcards.network}/{wildcards.layer}.npz",
    }


def reference_units():
    """Return the committed units of the reference, if there are any, for use as an input."""
    name = config["reference"] or ""
    path = Path(workflow.basedir, "results", name, "tables/units.csv")
    return [str(path)] if name and path.exists() else []


def checked_against():
    """Return what the run is checked against in words, or None."""
    name = config["reference"]
    return (
        f"{name}, which has no committed results"
        if name and not reference_units()
        else name
    )


def jobs_of(made_by, wildcards):
    """Return the benchmark and the provenance (or nothing) of each of a rule's jobs."""
    patterns = [made_by.benchmark, dict(made_by.output.items()).get("provenance")]
    # As `str.format` wants them, without the constraints of their wildcards.
    patterns = [path and re.sub(r"{(\w+)[^}]*}", r"{\1}", path) for path in patterns]
    names = tuple(re.findall(r"{(\w+)}", patterns[0]))
    return [
        [path and path.format(**dict(zip(names, values))) for path in patterns]
        for values in wildcards[names]
    ]
