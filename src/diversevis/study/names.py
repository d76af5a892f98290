"""What can be called by name: families of transformations, and nulls of networks."""

from __future__ import annotations

from diversevis.errors import whole_number
from diversevis.invariance.families.base import Family
from diversevis.invariance.families.registry import FAMILIES
from diversevis.networks.base import NULL_MARK
from diversevis.networks.nulls import NULLS
from diversevis.networks.registry import get_network


def families() -> dict[str, type[Family]]:
    """Return the families of transformations that `invariance` knows, by name.

    Returns
    -------
    dict
        Classes, whose ``title`` is what figures call them; a copy.

    Examples
    --------
    >>> import diversevis as dv
    >>> sorted(dv.families())
    ['all-shifts', 'deformations', 'rotations', 'scales', 'shifts']
    """
    return dict(FAMILIES)


def nulls(network: str, seed: int = 0) -> list[str]:
    """Return the names of a network's nulls: the same with one thing taken away that was learned.

    Each goes wherever the name of a network does.

    Parameters
    ----------
    network
        Name of a network.
    seed
        Of what is drawn at random.

    Raises
    ------
    UserError
        If there is no such network, it has no nulls, or the seed is none.

    Examples
    --------
    >>> import diversevis as dv
    >>> dv.nulls("vgg19", seed=1)
    ['vgg19+he.1', 'vgg19+units.1', 'vgg19+positions.1', 'vgg19+channels.1']
    """
    seed = whole_number("seed of a null", seed, least=0, most=999_999_999)
    names = [f"{network}{NULL_MARK}{kind}" + (f".{seed}" if seed else "") for kind in NULLS]
    return [get_network(name).name for name in names]
