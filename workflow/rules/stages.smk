# One rule for each stage of the package: what it reads, writes and is made with is said there, what
# all rules share is said here.

EVERYTHING = []
RECORDS = sources(RUN)

# Two jobs of one thread are done sooner than one of two, one after the other: a thread more only
# where there are more cores than jobs to give them to. A cluster has no number of cores.
THREADS = max(1, (workflow.resource_settings.cores or 1) // len(every_test(RUN)))

for stage in STAGES:
    places = places_of(stage)
    if not places:
        continue
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
        script:
            "../scripts/step.py"
