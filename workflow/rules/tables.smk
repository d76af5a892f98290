# Tables: what was measured, tidy, and what it says about the claims.

TABLES = [
    f"{RESULTS}/tables/{name}.csv"
    for name in (
        "claims",
        "units",
        "layers",
        "pairs",
        "agreement",
        "sweeps",
        "invariance",
        "controls",
        "norms",
        "reproduction",
    )
]
SEEDS = "{results}/invariance/{network}/{layer}/seed-"


rule unit_tables:
    input:
        sweeps=of_every_layer("{results}/synthesis/{network}/{layer}/sweep.csv"),
        natural=of_every_layer("{results}/natural/{network}/{layer}.npz"),
        tests=[
            path
            for repeat in REPEATS
            for path in of_every_layer(f"{SEEDS}{repeat}/invariance.csv")
        ],
        gratings=of_every_layer("{results}/gratings/{network}/{layer}.csv"),
        stability=of_every_layer("{results}/stability/{network}/{layer}.csv"),
        controls=f"{RESULTS}/tables/controls.csv",
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
        agreement=report(
            f"{RESULTS}/tables/agreement.csv",
            caption="../report/agreement.rst",
            category="Tables",
            labels={"table": "agreement of seeds and measures"},
        ),
        tests=f"{RESULTS}/tables/invariance.csv",
    log:
        f"{LOGS}/unit_tables.log",
    benchmark:
        f"{BENCHMARKS}/unit_tables.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=LAYERS,
        criteria=CRITERIA,
    script:
        "../scripts/unit_tables.py"


rule layer_table:
    input:
        f"{RESULTS}/tables/units.csv",
    output:
        report(
            f"{RESULTS}/tables/layers.csv",
            caption="../report/layers.rst",
            category="Tables",
            labels={"table": "layers"},
        ),
    log:
        f"{LOGS}/layer_table.log",
    benchmark:
        f"{BENCHMARKS}/layer_table.tsv"
    conda:
        ENVIRONMENT
    params:
        criteria=CRITERIA,
        seed=config["seed"],
    script:
        "../scripts/layer_table.py"


rule pair_table:
    input:
        f"{RESULTS}/tables/units.csv",
    output:
        report(
            f"{RESULTS}/tables/pairs.csv",
            caption="../report/pairs.rst",
            category="Tables",
            labels={"table": "pairs of layers"},
        ),
    log:
        f"{LOGS}/pair_table.log",
    benchmark:
        f"{BENCHMARKS}/pair_table.tsv"
    conda:
        ENVIRONMENT
    params:
        pairs=config["pairs"],
        criteria=CRITERIA,
    script:
        "../scripts/pair_table.py"


rule claim_table:
    input:
        units=f"{RESULTS}/tables/units.csv",
        pairs=f"{RESULTS}/tables/pairs.csv",
    output:
        report(
            f"{RESULTS}/tables/claims.csv",
            caption="../report/claims.rst",
            category="Claims",
            labels={"table": "C1 to C4"},
        ),
    log:
        f"{LOGS}/claim_table.log",
    benchmark:
        f"{BENCHMARKS}/claim_table.tsv"
    conda:
        ENVIRONMENT
    params:
        criteria=CRITERIA,
        seed=config["seed"],
    script:
        "../scripts/claim_table.py"


rule reproduction_table:
    input:
        units=f"{RESULTS}/tables/units.csv",
        reference=reference_units(),
    output:
        report(
            f"{RESULTS}/tables/reproduction.csv",
            caption="../report/reproduction.rst",
            category="Tables",
            labels={"table": "reproduction check"},
        ),
    log:
        f"{LOGS}/reproduction_table.log",
    benchmark:
        f"{BENCHMARKS}/reproduction_table.tsv"
    conda:
        ENVIRONMENT
    params:
        reference=checked_against(),
        criteria=CRITERIA,
    script:
        "../scripts/reproduction_table.py"


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
    params:
        criteria=CRITERIA,
    script:
        "../scripts/controls_table.py"
