# Tables: what was measured, tidy.

TABLES = [
    f"{RESULTS}/tables/{name}.csv"
    for name in (
        "units",
        "sweeps",
        "norms",
        "claim_c1",
        "controls",
        "invariance",
        "invariance_units",
        "invariance_agreement",
        "invariance_kinds",
    )
]
SEEDS = "{results}/invariance/{network}/{layer}/seed-"


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


rule invariance_tables:
    input:
        tests=[
            path
            for repeat in REPEATS
            for path in of_every_layer(f"{SEEDS}{repeat}/invariance.csv")
        ],
        gratings=of_every_layer("{results}/gratings/{network}/{layer}.csv"),
        stability=of_every_layer("{results}/stability/{network}/{layer}.csv"),
        controls=f"{RESULTS}/tables/controls.csv",
    output:
        tests=f"{RESULTS}/tables/invariance.csv",
        units=report(
            f"{RESULTS}/tables/invariance_units.csv",
            caption="../report/invariance_units.rst",
            category="Tables",
            labels={"table": "invariance"},
        ),
        agreement=report(
            f"{RESULTS}/tables/invariance_agreement.csv",
            caption="../report/invariance_agreement.rst",
            category="Tables",
            labels={"table": "agreement of seeds and measures"},
        ),
        kinds=report(
            f"{RESULTS}/tables/invariance_kinds.csv",
            caption="../report/invariance_kinds.rst",
            category="Claims",
            labels={"table": "C2 and C3: units by kind"},
        ),
    log:
        f"{LOGS}/invariance_tables.log",
    benchmark:
        f"{BENCHMARKS}/invariance_tables.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/invariance_tables.py"


rule controls_table:
    input:
        of_every_layer(f"{SEEDS}0/invariance.csv", CONTROLS),
    output:
        controls=report(
            f"{RESULTS}/tables/controls.csv",
            caption="../report/controls_table.rst",
            category="Controls",
            labels={"table": "criteria"},
        ),
        tests=f"{RESULTS}/tables/controls_invariance.csv",
    log:
        f"{LOGS}/controls_table.log",
    benchmark:
        f"{BENCHMARKS}/controls_table.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/controls_table.py"
