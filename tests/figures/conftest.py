"""Small layers and sets, made up, with numbers that a reader can follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import torch

from diversevis.figures.data import Layer
from diversevis.synthesis.diverse import DiverseSets

SIZE = 5


@pytest.fixture
def make_layer():
    def make(units: int = 3, n: int = 6, *, selected: bool = True, driven: bool = True) -> Layer:
        rng = np.random.default_rng(0)

        def patches(*shape):
            return rng.normal(0, 40, (*shape, 3, SIZE, SIZE)).astype(np.float32)

        unit = np.arange(units)[:, None]
        sign = 1 if driven else -1
        restarts = sign * (50.0 + 10 * unit + np.linspace(-2, 2, n))
        diverse = restarts * 0.95 if selected else restarts
        images = patches(units, n)
        return Layer(
            network="vgg19",
            layer="conv3_1",
            channels=100 + np.arange(units),
            restarts=images,
            restart_activations=restarts,
            restart_distance=np.full(units, 2.0),
            diverse=patches(units, n) if selected else images,
            diverse_activations=diverse,
            diverse_distance=np.full(units, 5.0 if selected else 2.0),
            relative_diversity=np.full(units, 0.1 if selected else 0.0),
            natural=patches(units),
            natural_quantiles=np.tile([-3.0, -1.0, 0.0, 1.0, 12.34], (units, 1)),
            natural_levels=np.array([0.0, 0.25, 0.5, 0.75, 1.0]),
        )

    return make


@pytest.fixture
def make_sets():
    def make(units: int = 2, n: int = 6, names: tuple[str, ...] | None = None) -> DiverseSets:
        stream = torch.Generator().manual_seed(0)
        pairs = n * (n - 1) // 2
        return DiverseSets(
            network="vgg19",
            layer="conv3_1",
            names=names or tuple(str(100 + unit) for unit in range(units)),
            images=torch.randn(units, n, 3, SIZE, SIZE, generator=stream) * 40,
            activations=torch.arange(units * n).view(units, n) + 10.25,
            distances=torch.arange(pairs).expand(units, pairs) + 3.21,
            diversity=torch.full((units,), 0.0125),
            steps=torch.ones(units),
            losses=torch.zeros(units, 1),
            distance="conv2_2",
            seed=0,
        )

    return make


@pytest.fixture
def sweeps() -> pd.DataFrame:
    """Two networks, three layers, two units each; the last layer's second unit is not driven."""
    rows = []
    for network, layer in (("vgg19", "conv2_2"), ("vgg19", "conv3_1"), ("resnet50", "layer1.0")):
        for channel in (3, 8):
            f0 = -1.0 if (layer, channel) == ("layer1.0", 8) else 10.0 * channel
            for c, kept, gained in ((0.0, 1.0, 1.0), (0.1, 0.95, 2.0), (0.3, 0.5, 8.0)):
                rows.append(
                    {
                        "network": network,
                        "layer": layer,
                        "channel": channel,
                        "mean_activation": f0 * kept,
                        "min_distance": 0.5 * gained,
                        "relative_diversity": c,
                        "selected": int(c == (0.1 if f0 > 0 else 0)),
                    }
                )
    return pd.DataFrame(rows)
