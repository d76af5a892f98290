"""Natural patches that drive units: to look at, and to start from where noise leads nowhere."""

from __future__ import annotations

from torch import Tensor

from diversevis.controls.name import CONTROLS
from diversevis.stimuli.natural import NaturalResponses, natural_responses
from diversevis.stimuli.photographs import load_photographs
from diversevis.units.contract import Units

PATCHES = 2000
"""Natural patches among which each unit's best one is looked for, unless a run says otherwise."""


def best_natural(
    units: Units, patches: int, photographs: Tensor | None, seed: int
) -> tuple[NaturalResponses, Tensor] | None:
    """Return what units answer to natural patches, and the photographs that these are of.

    Parameters
    ----------
    units
        A layer.
    patches
        How many to show; 0 for none.
    photographs
        ``[n, 3, h, w]``, RGB, 0 to 255; by default those of the package.
    seed
        Of the patches.

    Returns
    -------
    tuple or None
        None where there is nothing to look for: no patches are asked for, photographs are smaller
        than what the units see, or these are controls, which noise drives.
    """
    if patches == 0 or units.network == CONTROLS:
        return None
    photographs = load_photographs() if photographs is None else photographs
    if units.size > min(photographs.shape[-2:]):
        return None
    return natural_responses(units, photographs, count=patches, seed=seed), photographs
