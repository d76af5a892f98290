"""Make the files of one job: its stage says how."""

from diversevis.study.job import run_rule

run_rule(snakemake)
