# Pages for a browser, when they are asked for: make atlas.


rule atlas:
    input:
        list(map(str, atlas_reads(RUN))),
    output:
        directory(f"atlas/{settings.scale}"),
    log:
        str(RUN.layout.log("atlas")),
    localrule: True
    conda:
        "../../envs/diversevis.yaml"
    params:
        results=lambda wildcards: str(RUN.layout.root),
    script:
        "../scripts/atlas.py"
