"""What figures need of a layer, read from the results of synthesis."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from diversevis.errors import UserError


@dataclass(frozen=True)
class Sets:
    """Restarts and chosen diverse sets of a layer's units.

    Attributes
    ----------
    network, layer : str
        Where the units are.
    channels : ndarray
        ``[units]``, whole numbers.
    restarts, diverse : ndarray
        ``[units, n, 3, s, s]``, images in patch units.
    restart_activations, diverse_activations : ndarray
        ``[units, n]``, before the ReLU.
    restart_distance, diverse_distance : ndarray
        ``[units]``, smallest distance within each set.
    relative_diversity : ndarray
        ``[units]``, of the chosen set; 0 where no diverse set was selected, so that `diverse` holds
        the restarts themselves.
    """

    network: str
    layer: str
    channels: np.ndarray
    restarts: np.ndarray
    restart_activations: np.ndarray
    restart_distance: np.ndarray
    diverse: np.ndarray
    diverse_activations: np.ndarray
    diverse_distance: np.ndarray
    relative_diversity: np.ndarray

    @property
    def size(self) -> int:
        """Side of a patch, the receptive field, in pixels."""
        return self.restarts.shape[-1]

    @property
    def selected(self) -> np.ndarray:
        """Whether a diverse set was selected, ``[units]``: `diverse` holds restarts if not."""
        return self.relative_diversity > 0

    def place(self, channel: int) -> int | None:
        """Return the place of a channel among the units; None if it is not among them."""
        (found,) = np.nonzero(self.channels == channel)
        return int(found[0]) if len(found) else None

    def take(self, channels: Sequence[int]) -> Sets:
        """Return the same of some channels, all of which are among the units, in this order."""
        places = [self.place(channel) for channel in channels]
        return replace(self, **{name: getattr(self, name)[places] for name in _OF_UNITS})


_OF_UNITS = (
    "channels",
    "restarts",
    "restart_activations",
    "restart_distance",
    "diverse",
    "diverse_activations",
    "diverse_distance",
    "relative_diversity",
)


@dataclass(frozen=True)
class Layer(Sets):
    """The same, with what the units answer to natural patches.

    Attributes
    ----------
    natural : ndarray
        ``[units, 3, s, s]``, each unit's best natural patch.
    natural_quantiles, natural_levels : ndarray
        ``[units, levels]`` and ``[levels]``, quantiles of the responses to natural patches; the
        last is the response to `natural`.
    """

    natural: np.ndarray
    natural_quantiles: np.ndarray
    natural_levels: np.ndarray

    @property
    def natural_best(self) -> np.ndarray:
        """Response to the best natural patch, ``[units]``."""
        return self.natural_quantiles[:, -1]

    def natural_at(self, level: float) -> np.ndarray:
        """Return a quantile of the natural responses, ``[units]``, interpolated between levels."""
        return np.array([np.interp(level, self.natural_levels, q) for q in self.natural_quantiles])


def load_sets(network: str, layer: str, path: Path | str) -> Sets:
    """Return a layer's restarts and chosen sets.

    Parameters
    ----------
    network, layer
        Names.
    path
        A ``sweep.npz``, see `diversevis.synthesis.output.sweep_arrays`.
    """
    with np.load(path) as file:
        sweep = dict(file)
    chosen = sweep["selected"], np.arange(len(sweep["channels"]))
    return Sets(
        network=network,
        layer=layer,
        channels=sweep["channels"],
        restarts=sweep["images"][0].copy(),  # a view would keep all levels
        restart_activations=sweep["activations"][0].copy(),
        restart_distance=sweep["min_distance"][0],
        diverse=sweep["images"][chosen],
        diverse_activations=sweep["activations"][chosen],
        diverse_distance=sweep["min_distance"][chosen],
        relative_diversity=sweep["relative"][sweep["selected"]],
    )


def load_layer(network: str, layer: str, sweep_path: Path | str, natural_path: Path | str) -> Layer:
    """Return a layer's data from the files of a sweep and of natural responses.

    Parameters
    ----------
    network, layer
        Names.
    sweep_path
        As for `load_sets`.
    natural_path
        A ``.npz`` of `diversevis.stimuli.natural.natural_arrays`, of all the layer's channels.

    Raises
    ------
    UserError
        If the sweep's units are not among the channels of `natural_path`.
    """
    sets = load_sets(network, layer, sweep_path)
    with np.load(natural_path) as file:
        natural = dict(file)
    channels, available = sets.channels, len(natural["best"])
    if channels.dtype.kind not in "iu" or channels.max() >= available:
        raise UserError(
            f"channels 0 to {available - 1} in {sweep_path}",
            ", ".join(map(str, channels)),
            "make both files anew, for the same layer",
        )
    return Layer(
        **vars(sets),
        natural=natural["best"][channels],
        natural_quantiles=natural["quantiles"][channels],
        natural_levels=natural["levels"],
    )


def load_layers(
    names: Sequence[tuple[str, str]],
    sweeps: Sequence[Path | str],
    natural: Sequence[Path | str],
) -> list[Layer]:
    """Return `load_layer` of layers, named ``(network, layer)``, and their files, in order."""
    return [load_layer(*name, *paths) for name, *paths in zip(names, sweeps, natural, strict=True)]


def evenly(count: int, most: int) -> list[int]:
    """Return up to `most` places among `count`, evenly spaced from the first to the last."""
    return sorted({round(place) for place in np.linspace(0, count - 1, min(most, count))})
