"""Which command comes next: what a person would do with what the last one made."""

from __future__ import annotations

import argparse
import shlex

from diversevis.controls.name import CONTROLS
from diversevis.networks.base import NULL_MARK
from diversevis.networks.given import is_given

_FIRST = "visualize vgg19 conv3_1 21 187"
_OTHER = "vgg19:conv3_1"
"""What a network that is not built in may be compared with."""


def following(options: argparse.Namespace) -> str:
    """Return the next command, as it is typed.

    Parameters
    ----------
    options
        Those of the last one, and its name, ``command``.
    """
    if options.command == "visualize":
        return _call("invariance", options.network, options)
    if options.command == "invariance":
        if options.network == CONTROLS:
            return f"diversevis {_FIRST.replace('visualize', 'invariance')}"
        if is_given(options.network):  # there are no nulls of it
            return f"diversevis compare {options.network}:{options.layer} {_OTHER}"
        base, mark, _ = options.network.partition(NULL_MARK)
        # The same of a network that has learned nothing; of that, what it was made of.
        return _call("invariance", base if mark else f"{base}{NULL_MARK}positions", options)
    if options.command == "run":
        config = shlex.quote(str(options.config))
        if options.part and options.part[1] > 1:
            return f"diversevis merge {config}"
        return f"snakemake --cores all --configfile {config} --rerun-triggers input"
    if options.command == "merge":
        return f"diversevis run {shlex.quote(str(options.config))}"
    return f"diversevis {_FIRST}"


def _call(command: str, network: str, options: argparse.Namespace) -> str:
    channels = map(str, options.channels)
    return shlex.join(["diversevis", command, network, options.layer, *channels])
