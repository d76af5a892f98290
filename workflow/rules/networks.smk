# Pretrained networks and photographs: fetched once into a cache outside the checkout.


rule network:
    output:
        f"{RESULTS}/networks/{{network}}.json",
    log:
        f"{LOGS}/network/{{network}}.log",
    benchmark:
        f"{BENCHMARKS}/network/{{network}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/network.py"


rule photographs:
    output:
        f"{RESULTS}/networks/photographs.json",
    log:
        f"{LOGS}/photographs.log",
    benchmark:
        f"{BENCHMARKS}/photographs.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/photographs.py"
