# Figures: drawn from arrays and tables alone, so that redrawing computes nothing anew.

FIGURES = [
    *[
        f"{DRAWN}/{name}.png"
        for name in (
            "controls_and_restarts",
            "distances",
            "tradeoff",
            "phase",
            "deformations",
            "comparison",
            "natural",
            "controls",
        )
    ],
    *[f"{DRAWN}/gallery/{network}.png" for network in config["layers"]],
    *of_every_layer("{figures}/sheets/{network}_{layer}.pdf"),
]

SHOWN_CONTROLS = ("simple", "complex", "deformable")
SWEEP = "{results}/synthesis/{network}/{layer}/sweep.npz"
NATURAL = "{results}/natural/{network}/{layer}.npz"


# What two of the figures need beside the results.


rule control_sets:
    output:
        f"{RESULTS}/controls/{{kind}}.npz",
    log:
        f"{LOGS}/control_sets/{{kind}}.log",
    benchmark:
        f"{BENCHMARKS}/control_sets/{{kind}}.tsv"
    wildcard_constraints:
        kind="|".join(SHOWN_CONTROLS),
    conda:
        ENVIRONMENT
    params:
        settings=config["synthesis"],
        seed=config["seed"],
    script:
        "../scripts/control_sets.py"


rule distance_table:
    input:
        f"{RESULTS}/networks/{DISTANCES[0]}.json",
        features=of_every_layer(SWEEP, [DISTANCES])[0],
        pixels=f"{RESULTS}/distances/sweep.npz",
    output:
        report(
            f"{RESULTS}/tables/distances.csv",
            caption="../report/distance_table.rst",
            category="Tables",
            labels={"table": "distances"},
        ),
    log:
        f"{LOGS}/distance_table.log",
    benchmark:
        f"{BENCHMARKS}/distance_table.tsv"
    conda:
        ENVIRONMENT
    params:
        name=DISTANCES,
        device=config["device"],
    script:
        "../scripts/distance_table.py"


# The figures, by number.


rule controls_and_restarts_figure:
    input:
        controls=expand(f"{RESULTS}/controls/{{kind}}.npz", kind=SHOWN_CONTROLS),
        tests=f"{RESULTS}/tables/controls_invariance.csv",
        sweeps=of_every_layer(SWEEP, layers_of(LAYERS[0][0])),
        table=f"{RESULTS}/tables/units.csv",
    output:
        png=report(
            f"{DRAWN}/controls_and_restarts.png",
            caption="../report/controls_and_restarts.rst",
            category="Figures",
            labels={"figure": "1", "shows": "why invariance matters"},
        ),
        pdf=f"{DRAWN}/controls_and_restarts.pdf",
    log:
        f"{LOGS}/controls_and_restarts_figure.log",
    benchmark:
        f"{BENCHMARKS}/controls_and_restarts_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        controls=[("controls", kind) for kind in SHOWN_CONTROLS],
        layers=layers_of(LAYERS[0][0]),
        fraction=config["synthesis"]["fraction"],
    script:
        "../scripts/controls_and_restarts_figure.py"


rule distances_figure:
    input:
        features=of_every_layer(SWEEP, [DISTANCES])[0],
        pixels=f"{RESULTS}/distances/sweep.npz",
        table=f"{RESULTS}/tables/distances.csv",
    output:
        png=report(
            f"{DRAWN}/distances.png",
            caption="../report/distances.rst",
            category="Figures",
            labels={"figure": "2", "shows": "distances in pixels and in features"},
        ),
        pdf=f"{DRAWN}/distances.pdf",
    log:
        f"{LOGS}/distances_figure.log",
    benchmark:
        f"{BENCHMARKS}/distances_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        name=DISTANCES,
        fraction=config["synthesis"]["fraction"],
    script:
        "../scripts/distances_figure.py"


rule tradeoff_figure:
    input:
        f"{RESULTS}/tables/sweeps.csv",
    output:
        png=report(
            f"{DRAWN}/tradeoff.png",
            caption="../report/tradeoff.rst",
            category="Figures",
            labels={"figure": "3", "shows": "diversity against activation"},
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
        sweeps=lambda wildcards: of_every_layer(SWEEP, layers_of(wildcards.network)),
        natural=lambda wildcards: of_every_layer(NATURAL, layers_of(wildcards.network)),
    output:
        png=report(
            f"{DRAWN}/gallery/{{network}}.png",
            caption="../report/gallery.rst",
            category="Figures",
            labels={"figure": "4, 5", "shows": "gallery of {network}"},
        ),
        pdf=f"{DRAWN}/gallery/{{network}}.pdf",
    log:
        f"{LOGS}/gallery_figure/{{network}}.log",
    benchmark:
        f"{BENCHMARKS}/gallery_figure/{{network}}.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=lambda wildcards: layers_of(wildcards.network),
        fraction=config["synthesis"]["fraction"],
    script:
        "../scripts/gallery_figure.py"


rule phase_figure:
    input:
        canvases=of_every_layer(f"{SEEDS}0/canvases.npz"),
        table=f"{RESULTS}/tables/units.csv",
        medians=f"{RESULTS}/tables/layers.csv",
    output:
        png=report(
            f"{DRAWN}/phase.png",
            caption="../report/phase.rst",
            category="Figures",
            labels={"figure": "6", "shows": "phase: textures and indices"},
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
        criteria=CRITERIA,
    script:
        "../scripts/phase_figure.py"


rule deformations_figure:
    input:
        canvases=of_every_layer(f"{SEEDS}0/canvases.npz"),
        table=f"{RESULTS}/tables/units.csv",
    output:
        png=report(
            f"{DRAWN}/deformations.png",
            caption="../report/deformations.rst",
            category="Figures",
            labels={"figure": "7", "shows": "shifts and deformations"},
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
        criteria=CRITERIA,
    script:
        "../scripts/deformations_figure.py"


rule comparison_figure:
    input:
        table=f"{RESULTS}/tables/units.csv",
        medians=f"{RESULTS}/tables/layers.csv",
        pairs=f"{RESULTS}/tables/pairs.csv",
    output:
        png=report(
            f"{DRAWN}/comparison.png",
            caption="../report/comparison.rst",
            category="Figures",
            labels={"figure": "8", "shows": "the two networks"},
        ),
        pdf=f"{DRAWN}/comparison.pdf",
    log:
        f"{LOGS}/comparison_figure.log",
    benchmark:
        f"{BENCHMARKS}/comparison_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        criteria=CRITERIA,
    script:
        "../scripts/comparison_figure.py"


rule natural_figure:
    input:
        sweeps=of_every_layer(SWEEP),
        natural=of_every_layer(NATURAL),
    output:
        png=report(
            f"{DRAWN}/natural.png",
            caption="../report/natural.rst",
            category="Figures",
            labels={"figure": "9", "shows": "natural patches"},
        ),
        pdf=f"{DRAWN}/natural.pdf",
    log:
        f"{LOGS}/natural_figure.log",
    benchmark:
        f"{BENCHMARKS}/natural_figure.tsv"
    conda:
        ENVIRONMENT
    params:
        layers=LAYERS,
        fraction=config["synthesis"]["fraction"],
    script:
        "../scripts/natural_figure.py"


# Supplement.


rule controls_figure:
    input:
        canvases=of_every_layer(f"{SEEDS}0/canvases.npz", CONTROLS),
        table=f"{RESULTS}/tables/controls_invariance.csv",
    output:
        png=report(
            f"{DRAWN}/controls.png",
            caption="../report/controls.rst",
            category="Supplement",
            labels={"supplement": "controls"},
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
        criteria=CRITERIA,
    script:
        "../scripts/controls_figure.py"


rule sheets_figure:
    input:
        sweep=f"{RESULTS}/synthesis/{{network}}/{{layer}}/sweep.npz",
        table=f"{RESULTS}/tables/units.csv",
    output:
        report(
            f"{DRAWN}/sheets/{{network}}_{{layer}}.pdf",
            caption="../report/sheets.rst",
            category="Supplement",
            labels={"supplement": "all units of {network} {layer}"},
        ),
    log:
        f"{LOGS}/sheets_figure/{{network}}_{{layer}}.log",
    benchmark:
        f"{BENCHMARKS}/sheets_figure/{{network}}_{{layer}}.tsv"
    conda:
        ENVIRONMENT
    script:
        "../scripts/sheets_figure.py"
