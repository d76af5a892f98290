#!/bin/sh
# Snakemake runs this in the new environment, from the folder of the Snakefile: the package itself
# is installed from the checkout, so that the environment never lags behind the source.
set -e
python -m pip install --quiet --no-deps --no-build-isolation --editable .
