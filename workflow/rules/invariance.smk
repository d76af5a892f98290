# Invariance: transformation tests of units and controls, gratings, relative stability.


rule invariance:
    input:
        unpack(invariance_inputs),
    output:
        arrays=f"{RESULTS}/invariance/{{network}}/{{layer}}/seed-{{repeat}}/canvases.npz",
        table=f"{RESULTS}/invariance/{{network}}/{{layer}}/seed-{{repeat}}/invariance.csv",
        provenance=f"{RESULTS}/invariance/{{network}}/{{layer}}/seed-{{repeat}}/provenance.json",
    log:
        f"{LOGS}/invariance/{{network}}/{{layer}}/seed-{{repeat}}.log",
    benchmark:
        f"{BENCHMARKS}/invariance/{{network}}/{{layer}}/seed-{{repeat}}.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    params:
        arguments={"settings": config["invariance"], **RUN},
    script:
        "../scripts/invariance.py"


rule gratings:
    input:
        sweep=f"{RESULTS}/synthesis/{{network}}/{{layer}}/sweep.npz",
    output:
        f"{RESULTS}/gratings/{{network}}/{{layer}}.csv",
    log:
        f"{LOGS}/gratings/{{network}}/{{layer}}.log",
    benchmark:
        f"{BENCHMARKS}/gratings/{{network}}/{{layer}}.tsv"
    conda:
        ENVIRONMENT
    params:
        arguments=RUN,
    script:
        "../scripts/gratings.py"


rule stability:
    input:
        sweep=f"{RESULTS}/synthesis/{{network}}/{{layer}}/sweep.npz",
    output:
        f"{RESULTS}/stability/{{network}}/{{layer}}.csv",
    log:
        f"{LOGS}/stability/{{network}}/{{layer}}.log",
    benchmark:
        f"{BENCHMARKS}/stability/{{network}}/{{layer}}.tsv"
    conda:
        ENVIRONMENT
    params:
        arguments={"delta": config["invariance"]["delta"], **RUN},
    script:
        "../scripts/stability.py"
