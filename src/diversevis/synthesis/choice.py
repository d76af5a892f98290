"""How diverse a set may be before it costs too much activation."""

from __future__ import annotations

import torch
from torch import Tensor

from diversevis.errors import real_number


def check_fraction(fraction: float) -> float:
    """Return the share of activation to keep; raise `UserError` if it is none."""
    return real_number("fraction", fraction, above=0, most=1)


def select_diversity(activation: Tensor, *, fraction: float = 0.9) -> Tensor:
    """Return, for each unit, the largest diversity that keeps `fraction` of restart activation.

    Parameters
    ----------
    activation
        ``[levels, units]``, mean activation of each set; level 0 holds the restarts, the others
        rise in diversity.
    fraction
        Share of the restarts' activation to keep.

    Returns
    -------
    Tensor
        ``[units]``, indices of levels. 0 where no diverse set keeps enough, or where the restarts
        themselves do not drive the unit above zero.

    Raises
    ------
    UserError
        For a fraction that is not above 0 and at most 1.
    """
    fraction = check_fraction(fraction)
    keeps = activation >= fraction * activation[0]
    keeps[0] = True
    levels = torch.arange(len(activation))[:, None]
    chosen = torch.where(keeps, levels, 0).amax(0)
    return torch.where(activation[0] > 0, chosen, 0)
