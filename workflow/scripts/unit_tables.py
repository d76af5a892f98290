"""Join all that was measured into one row a unit, and say how well the measures agree."""

from diversevis.analysis.invariance import agreement_table, invariance_table
from diversevis.analysis.tables import read_frame, read_frames, synthesis_table, write_frame
from diversevis.analysis.units import unit_table
from diversevis.stimuli.natural import load_natural
from diversevis.workflow import job

with job(snakemake):
    criteria = snakemake.params.criteria
    sweeps, tests = read_frames(snakemake.input.sweeps), read_frames(snakemake.input.tests)
    natural = {
        tuple(names): load_natural(path)
        for names, path in zip(snakemake.params.layers, snakemake.input.natural, strict=True)
    }
    invariance = invariance_table(
        tests,
        read_frames(snakemake.input.gratings),
        read_frames(snakemake.input.stability),
        read_frame(snakemake.input.controls),
        delta=criteria["C3"]["delta"],
    )
    units = unit_table(synthesis_table(sweeps, natural), invariance, criteria)
    write_frame(snakemake.output.sweeps, sweeps)
    write_frame(snakemake.output.tests, tests)
    write_frame(snakemake.output.agreement, agreement_table(invariance, tests))
    write_frame(snakemake.output.units, units)
