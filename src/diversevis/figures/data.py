"""What figures need of a layer, read from the results of synthesis."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from diversevis.errors import UserError


@dataclass(frozen=True)
class Layer:
    """Restarts, chosen diverse sets and natural patches of a layer's units.

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
    natural : ndarray
        ``[units, 3, s, s]``, each unit's best natural patch.
    natural_quantiles, natural_levels : ndarray
        ``[units, levels]`` and ``[levels]``, quantiles of the responses to natural patches; the
        last is the response to `natural`.
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
    natural: np.ndarray
    natural_quantiles: np.ndarray
    natural_levels: np.ndarray

    @property
    def size(self) -> int:
        """Side of a patch, the receptive field, in pixels."""
        return self.restarts.shape[-1]

    @property
    def selected(self) -> np.ndarray:
        """Whether a diverse set was selected, ``[units]``: `diverse` holds restarts if not."""
        return self.relative_diversity > 0

    @property
    def natural_best(self) -> np.ndarray:
        """Response to the best natural patch, ``[units]``."""
        return self.natural_quantiles[:, -1]

    def natural_at(self, level: float) -> np.ndarray:
        """Return a quantile of the natural responses, ``[units]``, interpolated between levels."""
        return np.array([np.interp(level, self.natural_levels, q) for q in self.natural_quantiles])


def load_layer(network: str, layer: str, sweep_path: Path | str, natural_path: Path | str) -> Layer:
    """Return a layer's data from the files of a sweep and of natural responses.

    Parameters
    ----------
    network, layer
        Names.
    sweep_path
        A ``sweep.npz``, see `diversevis.synthesis.output.sweep_arrays`.
    natural_path
        A ``.npz`` of `diversevis.stimuli.natural.natural_arrays`, of all the layer's channels.

    Raises
    ------
    UserError
        If the sweep's units are not among the channels of `natural_path`.
    """
    with np.load(sweep_path) as file:
        sweep = dict(file)
    with np.load(natural_path) as file:
        natural = dict(file)
    channels, available = sweep["channels"], len(natural["best"])
    if channels.dtype.kind not in "iu" or channels.max() >= available:
        raise UserError(
            f"channels 0 to {available - 1} in {sweep_path}",
            ", ".join(map(str, channels)),
            "make both files anew, for the same layer",
        )
    chosen = sweep["selected"], np.arange(len(channels))
    return Layer(
        network=network,
        layer=layer,
        channels=channels,
        restarts=sweep["images"][0],
        restart_activations=sweep["activations"][0],
        restart_distance=sweep["min_distance"][0],
        diverse=sweep["images"][chosen],
        diverse_activations=sweep["activations"][chosen],
        diverse_distance=sweep["min_distance"][chosen],
        relative_diversity=sweep["relative"][sweep["selected"]],
        natural=natural["best"][channels],
        natural_quantiles=natural["quantiles"][channels],
        natural_levels=natural["levels"],
    )
