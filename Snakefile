# Diverse feature visualizations: fetch -> synthesise -> tabulate -> draw -> report.
# Settings are in config/, one file a scale; `make reproduce` runs this.

from pathlib import Path

import yaml
from snakemake.utils import min_version

from diversevis.config import check
from diversevis.errors import UserError

min_version("9.0")


# A file given by --configfile stands alone: merged with this one, it could not leave anything out.
if not workflow.config_settings.configfiles:

    configfile: "config/quick.yaml"


try:
    check(
        config,
        yaml.safe_load(
            Path(workflow.basedir, "workflow/schemas/config.schema.yaml").read_text()
        ),
    )
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


rule all:
    default_target: True
    input:
        TABLES,
        FIGURES,
