# Tables: what was measured, tidy.

TABLES = [
    f"{RESULTS}/tables/{name}.csv" for name in ("units", "sweeps", "norms", "claim_c1")
]


rule unit_tables:
    input:
        sweeps=of_every_layer("{results}/synthesis/{network}/{layer}/sweep.csv"),
        natural=of_every_layer("{results}/natural/{network}/{layer}.npz"),
    output:
        units=report(
            f"{RESULTS}/tables/units.csv",
            caption="../report/units.rst",
            category="Tables",
            labels={"table": "units"},
        ),
        sweeps=report(
            f"{RESULTS}/tables/sweeps.csv",
            caption="../report/sweeps.rst",
            category="Tables",
            labels={"table": "sweeps"},
        ),
    log:
        f"{LOGS}/unit_tables.log",
    benchmark:
        f"{BENCHMARKS}/unit_tables.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=LAYERS,
    script:
        "../scripts/unit_tables.py"


rule norm_table:
    input:
        f"{RESULTS}/networks/photographs.json",
    output:
        report(
            f"{RESULTS}/tables/norms.csv",
            caption="../report/norms.rst",
            category="Tables",
            labels={"table": "norms"},
        ),
    log:
        f"{LOGS}/norm_table.log",
    benchmark:
        f"{BENCHMARKS}/norm_table.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=LAYERS,
        seed=config["seed"],
    script:
        "../scripts/norm_table.py"


rule claim_c1:
    input:
        f"{RESULTS}/tables/units.csv",
    output:
        report(
            f"{RESULTS}/tables/claim_c1.csv",
            caption="../report/claim_c1.rst",
            category="Claims",
            labels={"table": "C1: diversity"},
        ),
    log:
        f"{LOGS}/claim_c1.log",
    benchmark:
        f"{BENCHMARKS}/claim_c1.tsv"
    conda:
        ENVIRONMENT
    params:
        fraction=config["synthesis"]["fraction"],
        seed=config["seed"],
    script:
        "../scripts/claim_c1.py"
