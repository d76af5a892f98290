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
    return {**flagged, "provenance": str(RUN.layout.record(stage.key(wildcards)))}


def beside(stage, places, where):
    """Return the pattern of a job's log or benchmark."""
    wildcards = {name: f"{{{name}}}" for name in places[0]}
    return str(where(stage.key(wildcards)))


def reads_of(stage):
    """Return what names the inputs of a job."""

    def reads(wildcards):
        files = stage.reads(RUN, dict(wildcards.items()))
        return {
            name: str(entry) if isinstance(entry, Path) else list(map(str, entry))
            for name, entry in files.items()
        }

    return reads


def of_place(function):
    """Return a function of a job's wildcards, as params want it, for one of a place."""
    return lambda wildcards: function(RUN, dict(wildcards.items()))


def constraints_of(places):
    """Return which values a rule's wildcards can have: those of its places."""
    return {
        name: "|".join(dict.fromkeys(re.escape(place[name]) for place in places))
        for name in places[0]
    }
