"""Effective contrast: the contrast at which a unit's best patch alone would do as much.

An index relative to a unit's peak mixes invariance with the unit's offset and its output
nonlinearity. Effective contrast takes both out: it is the same for a unit and for any strictly
increasing function of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diversevis.synthesis.targets import Targets
from diversevis.units.contract import Units, check_shape, placement
from diversevis.units.responding import responses

POINTS, HIGHEST = 257, 2.0
"""Contrasts at which a curve is tabulated, from -2 to 2. It reaches beyond 1, since members share
one scale: some have more than the budget's norm. Below 0 the best patch is inverted."""

_LEAST_RISE = 1e-6
"""Of a curve between two points, relative to its rise from grey to the peak: where it rises less,
any contrast between them would do."""

_LEAST_FALL = 0.1
"""Of a curve below grey, relative to its rise: of units whose inverted best patch does less, small
responses would have large contrasts. Units were seen to fall by less than 0.05, or by 0.85 and
more."""


@dataclass(frozen=True)
class ContrastCurves:
    """Responses of units to their own best patches at other contrasts, ``g(c) = f(c x*)``.

    Attributes
    ----------
    responses : Tensor
        ``[units, POINTS]``, at contrasts from ``-HIGHEST`` to `HIGHEST`; 0 is grey, and 1 the best
        patch.
    """

    responses: Tensor

    @property
    def contrasts(self) -> Tensor:
        """Where the curves are tabulated, ``[POINTS]``."""
        return torch.linspace(-HIGHEST, HIGHEST, self.responses.shape[1]).to(self.responses)

    @property
    def grey(self) -> Tensor:
        """Response to a grey patch, ``[units]``."""
        return self.responses[:, self._at(0)]

    @property
    def peak(self) -> Tensor:
        """Response to the best patch, ``[units]``."""
        return self.responses[:, self._at(1)]

    @property
    def flat(self) -> Tensor:
        """Whether nothing rises from grey to the peak, ``[units]``: there is no contrast then."""
        return ~(self.peak - self.grey > _LEAST_RISE * self.peak.abs())

    @property
    def offset(self) -> Tensor:
        """Response to grey relative to the peak's, ``[units]``."""
        return self.grey / self.peak

    @property
    def elasticity(self) -> Tensor:
        """Relative change of the response to one of contrast, at full contrast, ``[units]``."""
        before, after = (self.responses[:, self._at(1) + side] for side in (-1, 1))
        return (after - before) / (2 * self._step) / self.peak

    @property
    def fault(self) -> Tensor:
        """How far a curve falls below its running maximum, relative to its rise, ``[units]``."""
        rising = self.responses[:, self._at(0) :]
        return (rising.cummax(1).values - rising).amax(1) / (self.peak - self.grey)

    @property
    def _step(self) -> float:
        return 2 * HIGHEST / (self.responses.shape[1] - 1)

    def _at(self, contrast: float) -> int:
        return round((contrast + HIGHEST) / self._step)

    def __getitem__(self, which: Tensor | slice) -> ContrastCurves:
        return ContrastCurves(self.responses[which])

    def to(self, *where: torch.device | torch.dtype) -> ContrastCurves:
        """Return the same curves there."""
        responses = self.responses
        for place in where:
            responses = responses.to(place)
        return ContrastCurves(responses)

    def repeated(self, times: int) -> ContrastCurves:
        """Return all curves, `times` over."""
        return ContrastCurves(self.responses.repeat(times, 1))

    def effective(self, answers: Tensor) -> Tensor:
        """Return the effective contrasts of responses, differentiable with respect to them.

        The curves' running maxima above grey are inverted, and their running minima below it,
        linearly between points. Beyond, they go on along a secant: from grey to the last point, and
        below their lowest point with the slope of that from grey to the peak. So do units whose
        inverted best patch does hardly less than grey, from grey on.

        Parameters
        ----------
        answers
            ``[units, m]``.

        Returns
        -------
        Tensor
            ``[units, m]``: 0 for what grey does, 1 for what the best patch does, never clipped;
            NaN for units whose curve is flat.
        """
        zero = self._at(0)
        above = answers - self.grey[:, None]
        rise = (self.peak - self.grey)[:, None]
        least = (_LEAST_RISE * rise.abs()).clamp(min=torch.finfo(rise.dtype).tiny)
        rising = self.responses[:, zero:].cummax(1).values - self.grey[:, None]
        falling = self.grey[:, None] - self.responses[:, : zero + 1].flip(1).cummin(1).values
        top, bottom = rising[:, -1:], falling[:, -1:]
        up = torch.where(
            above > top, HIGHEST * above / top.clamp(min=least), self._inverse(rising, above, least)
        )
        lowest = self._step * (falling < bottom).sum(1, keepdim=True)
        below = self._inverse(falling, -above, least)
        below = torch.where(-above > bottom, lowest + (-above - bottom) / rise, below)
        down = torch.where(bottom > _LEAST_FALL * rise, -below, above / rise)
        return torch.where(self.flat[:, None], torch.nan, torch.where(above < 0, down, up))

    def _inverse(self, table: Tensor, values: Tensor, least: Tensor) -> Tensor:
        """Return where curves ``[units, points]`` that start at zero reach values."""
        # The first point that is not below a value; the point before it is.
        after = torch.searchsorted(table.contiguous(), values.detach().contiguous())
        after = after.clamp(1, table.shape[1] - 1)
        low, high = table.gather(1, after - 1), table.gather(1, after)
        return self._step * ((after - 1).to(table) + (values - low) / (high - low).clamp(min=least))


def contrast_curves(units: Units, targets: Targets, patches: Tensor) -> ContrastCurves:
    """Return the contrast curves of units along given patches.

    Parameters
    ----------
    units, targets
        As for `diversevis.diverse_sets`.
    patches
        ``[targets, 3, s, s]``, the best patch of each, of the budget's norm.

    Raises
    ------
    UserError
        For patches of another shape.
    """
    check_shape("patches", patches, (len(targets), 3, units.size, units.size))
    targets = targets.to(*placement(units))
    contrasts = torch.linspace(-HIGHEST, HIGHEST, POINTS).to(patches)[:, None, None, None]
    found = [
        targets.score(answers, which).cpu()
        for which, answers, _ in responses(
            units, patches, lambda some: some[:, None] * contrasts, each=POINTS
        )
    ]
    return ContrastCurves(torch.cat(found))
