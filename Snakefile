# Diverse feature visualizations: fetch -> synthesise -> tabulate -> draw -> report.
# Settings are in config/, one file a scale; `make reproduce` runs this.

import re
import sys
from pathlib import Path

import yaml
from snakemake.utils import min_version

from diversevis.analysis.verdicts import outcome
from diversevis.config import check, check_criteria, resolved
from diversevis.errors import UserError

min_version("9.0")


# A file given by --configfile stands alone: merged with this one, it could not leave anything out.
if not workflow.config_settings.configfiles:

    configfile: "config/quick.yaml"


CRITERIA, criteria_schema, config_schema = (
    yaml.safe_load(Path(workflow.basedir, path).read_text())
    for path in (
        "config/criteria.yaml",
        "workflow/schemas/criteria.schema.yaml",
        "workflow/schemas/config.schema.yaml",
    )
)

try:
    check_criteria(CRITERIA, criteria_schema)
    check(config, config_schema, CRITERIA)
    config = resolved(config)
except UserError as error:
    print(f"configuration: {error}", file=sys.stderr)
    raise SystemExit(2)


report: "workflow/report/workflow.rst"


include: "workflow/rules/common.smk"
include: "workflow/rules/networks.smk"
include: "workflow/rules/synthesis.smk"
include: "workflow/rules/invariance.smk"
include: "workflow/rules/tables.smk"
include: "workflow/rules/figures.smk"
include: "workflow/rules/resources.smk"


rule all:
    default_target: True
    input:
        TABLES,
        FIGURES,
        RESOURCES,


onsuccess:
    for text in outcome(Path(RESULTS, "tables"), checked_against()):
        print(text, end="\n\n", flush=True)
