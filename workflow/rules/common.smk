# What a rule takes from its stage.


def places_of(stage):
    """Return the places of a stage in this run, one for each job."""
    return [dict(place) for place in stage.places(RUN)]


def patterns_of(stage, places):
    """Return a stage's outputs with wildcards, those for the report flagged."""
    wildcards = {name: f"{{{name}}}" for name in places[0]}
    flagged = {}
    for name, path in stage.writes(RUN, wildcards).items():
        flagged[name] = str(path)
        if name in stage.report:
            category, labels = stage.report[name]
            caption = f"../report/{stage.name}.rst"
            if len(stage.report) > 1:
                caption = f"../report/{name}.rst"
            flagged[name] = report(
                str(path), caption=caption, category=category, labels=dict(labels)
            )
    return {**flagged, "provenance": str(stage.record(RUN, wildcards))}


def beside(stage, places, where):
    """Return the pattern of a job's log or benchmark."""
    wildcards = {name: f"{{{name}}}" for name in places[0]}
    return str(where(stage.key(wildcards)))


CHECKED = set()


def force_if_stale(job):
    """Let a job be done whose files are there, but not as this run would make them.

    Snakemake knows what it made in this folder itself; the records know of all results, where they
    were made and what has become of them since.
    """
    if job.key in CHECKED or not workflow.is_main_process:
        return
    if job.key in SETTLED:  # Snakemake makes nothing anew that nothing is made of
        return
    CHECKED.add(job.key)
    if workflow.executor_plugin and not workflow.dryrun:
        note(RUN.settings.scale)
    if not all(path.exists() for path in paths({**job.reads, **job.writes})):
        return
    if why := job.record.exists() and stale(job):
        workflow.dag.forcefiles.add(str(job.record))
        print(f"{job.key}: made anew ({'; '.join(why)})", file=sys.stderr)


def reads_of(stage):
    """Return what names the inputs of a job: of one that gathers its parts, too."""

    def reads(wildcards):
        job = Job(stage, RUN, dict(wildcards.items()))
        force_if_stale(job)
        return {
            name: str(entry) if isinstance(entry, Path) else list(map(str, entry))
            for name, entry in {**job.reads, **job.gathered}.items()
        }

    return reads


def sources_of(wildcards, input):
    """Return the records of a job's inputs, which it checks them by."""
    found = {path: RECORDS.get(Path(path)) for path in input}
    return {path: str(record) for path, record in found.items() if record}


def of_place(function):
    """Return a function of a job's wildcards, as params want it, for one of a place."""
    return lambda wildcards: function(RUN, dict(wildcards.items()))


def need_of(stage, name):
    """Return what asks for the memory or the time of a job, for whoever submits it."""

    def need(wildcards, attempt):
        # A job has been given it, and to ask again would take PyTorch.
        if not workflow.is_main_process:
            return 0
        return needs(stage, RUN, dict(wildcards.items()), attempt)[name]

    return need


def constraints_of(places):
    """Return which values a rule's wildcards can have: those of its places."""
    return {
        name: "|".join(dict.fromkeys(re.escape(place[name]) for place in places))
        for name in places[0]
    }
