# Images: restarts and diverse sets of the chosen units, and the best natural patches.


rule sweep:
    input:
        f"{RESULTS}/networks/{{network}}.json",
    output:
        arrays=f"{RESULTS}/synthesis/{{network}}/{{layer}}/sweep.npz",
        table=f"{RESULTS}/synthesis/{{network}}/{{layer}}/sweep.csv",
        provenance=f"{RESULTS}/synthesis/{{network}}/{{layer}}/provenance.json",
    log:
        f"{LOGS}/sweep/{{network}}/{{layer}}.log",
    benchmark:
        f"{BENCHMARKS}/sweep/{{network}}/{{layer}}.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    params:
        units=config["units"]["per_layer"],
        include=included,
        settings=config["synthesis"],
        seed=config["seed"],
        device=config["device"],
    script:
        "../scripts/sweep.py"


rule natural:
    input:
        f"{RESULTS}/networks/{{network}}.json",
        f"{RESULTS}/networks/photographs.json",
    output:
        f"{RESULTS}/natural/{{network}}/{{layer}}.npz",
    log:
        f"{LOGS}/natural/{{network}}/{{layer}}.log",
    benchmark:
        f"{BENCHMARKS}/natural/{{network}}/{{layer}}.tsv"
    conda:
        ENVIRONMENT
    params:
        patches=config["natural"]["patches"],
        seed=config["seed"],
        device=config["device"],
    script:
        "../scripts/natural.py"
