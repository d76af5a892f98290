# Figures: drawn from arrays and tables alone, so that redrawing computes nothing anew.

FIGURES = [
    *of_every_layer("{figures}/restarts/{network}_{layer}.png"),
    f"{DRAWN}/tradeoff.png",
    *[f"{DRAWN}/gallery/{network}.png" for network in config["layers"]],
    *[
        f"{DRAWN}/{name}.png"
        for name in ("controls", "phase", "deformations", "phase_and_deformation")
    ],
]


rule restarts_figure:
    input:
        sweep=f"{RESULTS}/synthesis/{{network}}/{{layer}}/sweep.npz",
        natural=f"{RESULTS}/natural/{{network}}/{{layer}}.npz",
    output:
        png=report(
            f"{DRAWN}/restarts/{{network}}_{{layer}}.png",
            caption="../report/restarts.rst",
            category="Restarts against diverse sets",
            labels={"network": "{network}", "layer": "{layer}"},
        ),
        pdf=f"{DRAWN}/restarts/{{network}}_{{layer}}.pdf",
    log:
        f"{LOGS}/restarts_figure/{{network}}_{{layer}}.log",
    benchmark:
        f"{BENCHMARKS}/restarts_figure/{{network}}_{{layer}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/restarts_figure.py"


rule tradeoff_figure:
    input:
        f"{RESULTS}/tables/sweeps.csv",
    output:
        png=report(
            f"{DRAWN}/tradeoff.png",
            caption="../report/tradeoff.rst",
            category="Diversity against activation",
            labels={"figure": "trade-off"},
        ),
        pdf=f"{DRAWN}/tradeoff.pdf",
    log:
        f"{LOGS}/tradeoff_figure.log",
    benchmark:
        f"{BENCHMARKS}/tradeoff_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        fraction=config["synthesis"]["fraction"],
    script:
        "../scripts/tradeoff_figure.py"


rule gallery_figure:
    input:
        sweeps=lambda wildcards: [
            f"{RESULTS}/synthesis/{wildcards.network}/{layer}/sweep.npz"
            for layer in config["layers"][wildcards.network]
        ],
        natural=lambda wildcards: [
            f"{RESULTS}/natural/{wildcards.network}/{layer}.npz"
            for layer in config["layers"][wildcards.network]
        ],
    output:
        png=report(
            f"{DRAWN}/gallery/{{network}}.png",
            caption="../report/gallery.rst",
            category="Galleries",
            labels={"network": "{network}"},
        ),
        pdf=f"{DRAWN}/gallery/{{network}}.pdf",
    log:
        f"{LOGS}/gallery_figure/{{network}}.log",
    benchmark:
        f"{BENCHMARKS}/gallery_figure/{{network}}.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=lambda wildcards: config["layers"][wildcards.network],
    script:
        "../scripts/gallery_figure.py"


rule controls_figure:
    input:
        canvases=of_every_layer(f"{SEEDS}0/canvases.npz", CONTROLS),
        table=f"{RESULTS}/tables/controls_invariance.csv",
    output:
        png=report(
            f"{DRAWN}/controls.png",
            caption="../report/controls.rst",
            category="Controls",
            labels={"figure": "controls"},
        ),
        pdf=f"{DRAWN}/controls.pdf",
    log:
        f"{LOGS}/controls_figure.log",
    benchmark:
        f"{BENCHMARKS}/controls_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=CONTROLS,
    script:
        "../scripts/controls_figure.py"


rule phase_figure:
    input:
        canvases=of_every_layer(f"{SEEDS}0/canvases.npz"),
        table=f"{RESULTS}/tables/invariance_units.csv",
    output:
        png=report(
            f"{DRAWN}/phase.png",
            caption="../report/phase.rst",
            category="Phase invariance",
            labels={"figure": "textures"},
        ),
        pdf=f"{DRAWN}/phase.pdf",
    log:
        f"{LOGS}/phase_figure.log",
    benchmark:
        f"{BENCHMARKS}/phase_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=LAYERS,
    script:
        "../scripts/phase_figure.py"


rule deformations_figure:
    input:
        canvases=of_every_layer(f"{SEEDS}0/canvases.npz"),
        table=f"{RESULTS}/tables/invariance_units.csv",
    output:
        png=report(
            f"{DRAWN}/deformations.png",
            caption="../report/deformations.rst",
            category="Deformations",
            labels={"figure": "deformations"},
        ),
        pdf=f"{DRAWN}/deformations.pdf",
    log:
        f"{LOGS}/deformations_figure.log",
    benchmark:
        f"{BENCHMARKS}/deformations_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=LAYERS,
    script:
        "../scripts/deformations_figure.py"


rule phase_and_deformation_figure:
    input:
        table=f"{RESULTS}/tables/invariance_units.csv",
    output:
        png=report(
            f"{DRAWN}/phase_and_deformation.png",
            caption="../report/phase_and_deformation.rst",
            category="Phase against deformation",
            labels={"figure": "one point a unit"},
        ),
        pdf=f"{DRAWN}/phase_and_deformation.pdf",
    log:
        f"{LOGS}/phase_and_deformation_figure.log",
    benchmark:
        f"{BENCHMARKS}/phase_and_deformation_figure.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/phase_and_deformation_figure.py"
