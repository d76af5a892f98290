# What the run took. Comes last, for it depends on everything else.

RESOURCES = f"{RESULTS}/tables/resources.csv"

# Wildcards of every job, by their names.
WILDCARDS = {
    (): [()],
    ("network",): [(network,) for network in config["layers"]],
    ("network", "layer"): LAYERS,
    ("network", "layer", "repeat"): [
        *((*name, repeat) for name in LAYERS for repeat in REPEATS),
        *((*name, 0) for name in CONTROLS),
    ],
    ("kind",): [(kind,) for kind in SHOWN_CONTROLS],
}


def jobs_of(rule):
    """Return the benchmark and the provenance (or nothing) of each of a rule's jobs."""
    patterns = [rule.benchmark, dict(rule.output.items()).get("provenance")]
    # As `str.format` wants them, without the constraints of their wildcards.
    patterns = [path and re.sub(r"{(\w+)[^}]*}", r"{\1}", path) for path in patterns]
    names = tuple(re.findall(r"{(\w+)}", patterns[0]))
    return [
        [path and path.format(**dict(zip(names, values))) for path in patterns]
        for values in WILDCARDS[names]
    ]


JOBS = {rule.name: jobs_of(rule) for rule in workflow.rules if rule.benchmark}


rule resource_table:
    input:
        TABLES,
        FIGURES,
    output:
        report(
            RESOURCES,
            caption="../report/resources.rst",
            category="Tables",
            labels={"table": "time and memory"},
        ),
    log:
        f"{LOGS}/resource_table.log",
    benchmark:
        f"{BENCHMARKS}/resource_table.tsv"
    conda:
        ENVIRONMENT
    params:
        jobs=JOBS,
        device=config["device"],
    script:
        "../scripts/resource_table.py"
