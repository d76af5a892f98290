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
        name=lambda wildcards: [wildcards.network, wildcards.layer],
        arguments=lambda wildcards: synthesis_arguments(*wildcards),
    script:
        "../scripts/sweep.py"


# The same units as one layer's sweep, made distinct in pixels.
rule pixel_sweep:
    input:
        f"{RESULTS}/networks/{DISTANCES[0]}.json",
    output:
        arrays=f"{RESULTS}/distances/sweep.npz",
        table=f"{RESULTS}/distances/sweep.csv",
        provenance=f"{RESULTS}/distances/provenance.json",
    log:
        f"{LOGS}/pixel_sweep.log",
    benchmark:
        f"{BENCHMARKS}/pixel_sweep.tsv"
    conda:
        ENVIRONMENT
    threads: 8
    params:
        name=DISTANCES,
        arguments={**synthesis_arguments(*DISTANCES), "distance": "pixels"},
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
        arguments={"patches": config["natural"]["patches"], **RUN},
    script:
        "../scripts/natural.py"
