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

JOBS = {
    each.name: jobs_of(each, WILDCARDS) for each in workflow.rules if each.benchmark
}


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
