"""Output nonlinearities: functions of a response that change neither its order nor its optimum.

Each takes responses relative to the unit's peak, and returns them so: zero is grey, 1 the peak and
stays 1. All increase strictly and have a finite slope everywhere, in float32 too: no response is
lost below a threshold, as after a rectification.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

_THRESHOLD, _SHARPNESS = 0.3, 3.0
"""Of the soft threshold: where it is, and the inverse of its width, relative to the peak.

Three, so that it is visibly a threshold (at grey the slope is a third of the peak's, at the best
patch's opposite 2 %) and the opposite still falls by 17 % of the rise. A sharper one is, below
grey, as good as a rectification, which no inverse undoes.
"""

_GREY, _ROUNDING = 0.4, 0.05
"""Of the offset root: the response to grey, and where its root turns into a line, both relative to
the peak. A root alone has no finite slope at zero."""


@dataclass(frozen=True)
class Nonlinearity:
    """A strictly increasing function of responses.

    Attributes
    ----------
    name : str
        What is appended to the name of a kind.
    function : callable
        Of responses relative to the peak; takes 1 to 1.
    """

    name: str
    function: Callable[[Tensor], Tensor]

    def apply(self, responses: Tensor, peaks: Tensor) -> Tensor:
        """Return ``[N, units]`` of the same, where each unit's best response is of ``[units]``."""
        return peaks * self.function(responses / peaks)


def squared(relative: Tensor) -> Tensor:
    """Return ``u |u|``, of elasticity 2."""
    return relative * relative.abs()


def soft_threshold(relative: Tensor) -> Tensor:
    """Return ``log(1 + exp(k (u - t)))`` over its value at 1, with ``t = 0.3`` and ``k = 3``.

    Its elasticity at the peak is 1.21; grey gives 15 % of the peak. Below the threshold its slope
    falls as ``exp(k u)``.
    """
    return _softplus(relative) / _softplus(relative.new_ones(()))


def offset_root(relative: Tensor) -> Tensor:
    """Return ``o + (1 - o) r(u) / r(1)``, ``r(u) = u / sqrt(|u| + 0.05)``, with ``o = 0.4``.

    The root alone has elasticity 0.52 at the peak, and with its offset 0.31.
    """
    root: Tensor = relative * ((1 + _ROUNDING) / (relative.abs() + _ROUNDING)).sqrt()
    return _GREY + (1 - _GREY) * root


def _softplus(relative: Tensor) -> Tensor:
    # As a logistic's logarithm: torch's own softplus has a step where it turns into a line.
    softplus: Tensor = -F.logsigmoid(-_SHARPNESS * (relative - _THRESHOLD))
    return softplus


NONLINEARITIES: Mapping[str, Nonlinearity] = {
    each.name: each
    for each in (
        Nonlinearity("squared", squared),
        Nonlinearity("soft", soft_threshold),
        Nonlinearity("offset", offset_root),
    )
}
"""All of them, by name."""
