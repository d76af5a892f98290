"""Judge the controls: may the indices be reported?"""

from diversevis.analysis.controls import controls_table
from diversevis.analysis.tables import read_frames, write_frame
from diversevis.workflow import job

with job(snakemake):
    tests = read_frames(snakemake.input)
    criteria = snakemake.params.criteria["controls"]
    write_frame(snakemake.output.controls, controls_table(tests, criteria))
    write_frame(snakemake.output.tests, tests)
