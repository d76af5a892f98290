# One rule for each stage of the package: what it reads, writes and is made with is said there, what
# all rules share is said here.

EVERYTHING = []
RECORDS = sources(RUN)
SETTLED = settled(all_jobs(RUN)) if settings.parted and workflow.is_main_process else ()

# Two jobs of one thread are done sooner than one of two, one after the other: a thread more only
# where there are more cores than jobs to give them to. A cluster has no number of cores.
LARGE = sum(
    RUN.settings.parts_of(place["network"], place["layer"]) for place in every_test(RUN)
)
THREADS = max(1, (workflow.resource_settings.cores or 1) // LARGE)

for stage in STAGES:
    places = places_of(stage)
    if not places:
        continue
    if "part" not in places[0]:  # these are there to be gathered
        EVERYTHING += [
            str(path) for place in places for path in stage.writes(RUN, place).values()
        ]

    rule:
        name:
            stage.name
        input:
            unpack(reads_of(stage)),
        output:
            **patterns_of(stage, places),
        log:
            beside(stage, places, RUN.layout.log),
        benchmark:
            beside(stage, places, RUN.layout.benchmark)
        wildcard_constraints:
            **constraints_of(places),
        priority: stage.priority
        localrule: stage.local
        conda:
            "../../envs/diversevis.yaml"
        threads: THREADS if stage.on_device else 1
        resources:
            mem_mb=need_of(stage, "mem_mb"),
            runtime=need_of(stage, "runtime"),
        params:
            step=stage.step,
            settings=of_place(stage.settings),
            modules=of_place(stage.code),
            sources=sources_of,
            on_device=stage.on_device,
            torch=stage.torch,
            gather=stage.gather,
            gathers=["parts", "records"] if stage.gather else [],
        script:
            "../scripts/step.py"
