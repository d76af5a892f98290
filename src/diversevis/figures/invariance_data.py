"""What figures need of the transformation tests of a layer: from a file, or from memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from diversevis.errors import UserError

if TYPE_CHECKING:
    from diversevis.invariance.indices import Invariance

_MASKS = ("fixed", "learned")
_ARRAYS = ("canvas", "mask", "responses", "members", "surrogate")


@dataclass(frozen=True)
class FamilyData:
    """Canvases of one family of transformations, and what its members drove.

    Attributes
    ----------
    family : str
        Name of the family.
    delta : float or None
        Its displacement in pixels per 24 px of patch; None for all shifts.
    mask : str
        ``"fixed"`` or ``"learned"``.
    canvases : ndarray
        ``[units, 3, side, side]``, patch units.
    masks : ndarray
        ``[units, s, s]``.
    responses : ndarray
        ``[units, members]``, before the ReLU.
    members : ndarray
        ``[members, ...]``.
    surrogate : ndarray
        ``[units]``, index of the linear stand-in.
    """

    family: str
    delta: float | None
    mask: str
    canvases: np.ndarray
    masks: np.ndarray
    responses: np.ndarray
    members: np.ndarray
    surrogate: np.ndarray


@dataclass(frozen=True)
class MeasuredLayer:
    """Transformation tests of some units of a layer.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    names : tuple of str
        The units' names; of channels, their numbers.
    best : ndarray
        ``[units, 3, s, s]``, each unit's best patch, patch units.
    f_max : ndarray
        ``[units]``, the best response to any patch; not above zero for units that nothing drives.
    families : tuple of FamilyData
        One for each family, displacement and kind of mask.
    """

    network: str
    layer: str
    names: tuple[str, ...]
    best: np.ndarray
    f_max: np.ndarray
    families: tuple[FamilyData, ...]

    @property
    def size(self) -> int:
        """Side of a patch, the receptive field, in pixels."""
        return self.best.shape[-1]

    @property
    def driven(self) -> np.ndarray:
        """Whether any patch drives the unit above zero, ``[units]``: it has no index if not."""
        return self.f_max > 0

    def find(self, family: str, delta: float | None = None, mask: str = "fixed"):
        """Return the data of a family at a displacement, or None if it was not measured."""
        for data in self.families:
            if (data.family, data.delta, data.mask) == (family, delta, mask):
                return data
        return None

    def deltas(self, family: str) -> list[float]:
        """Return the displacements at which a family was measured, in rising order."""
        return sorted(data.delta for data in self.families if data.family == family and data.delta)

    def relative(self, data: FamilyData) -> np.ndarray:
        """Return a family's responses over `f_max`, ``[units, members]``; NaN if never driven."""
        return data.responses / np.where(self.driven, self.f_max, np.nan)[:, None]


def load_invariance(network: str, layer: str, path: Path | str) -> MeasuredLayer:
    """Return a layer's tests from a ``canvases.npz``.

    Parameters
    ----------
    network, layer
        Names.
    path
        A file of `diversevis.invariance.indices.arrays`.

    Raises
    ------
    UserError
        If the file holds something else.
    """
    with np.load(path) as file:
        content = dict(file)
    try:
        return from_arrays(network, layer, content)
    except KeyError as error:
        raise UserError(
            f"arrays of transformation tests in {path}",
            f"no array {error}",
            "make the file anew with diversevis invariance",
        ) from error


def load_layers(
    names: Sequence[tuple[str, str]], paths: Sequence[Path | str]
) -> list[MeasuredLayer]:
    """Return `load_invariance` of layers, named ``(network, layer)``, and their files, in order."""
    return [load_invariance(*name, path) for name, path in zip(names, paths, strict=True)]


def from_result(result: Invariance) -> MeasuredLayer:
    """Return the same from tests in memory."""
    from diversevis.invariance.indices import arrays  # brings torch, which files do not need

    return from_arrays(result.network, result.layer, arrays(result))


def from_arrays(network: str, layer: str, content: Mapping[str, np.ndarray]) -> MeasuredLayer:
    """Return a layer's tests from arrays named as `diversevis.invariance.indices.arrays` says.

    Raises
    ------
    KeyError
        If an array is missing.
    """
    prefixes = dict.fromkeys(name.rpartition("/")[0] for name in content if "/" in name)
    families = []
    for prefix in prefixes:
        family, _, strength = prefix.rpartition("-")
        masked = strength in _MASKS
        families.append(
            FamilyData(
                family,
                None if masked else float(strength),
                strength if masked else "fixed",
                *(content[f"{prefix}/{name}"] for name in _ARRAYS),
            )
        )
    return MeasuredLayer(
        network,
        layer,
        tuple(map(str, content["channels"])),
        content["best"],
        content["f_max"],
        tuple(families),
    )
