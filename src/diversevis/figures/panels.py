"""Parts that figures of single units share: networks in one panel, panels without data."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes

from diversevis.figures.style import FAINT, GREY, LABEL, network_colour

_MARKERS, _LINES = "os^Dv<P", ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (5, 1, 1, 1)))


@dataclass(frozen=True)
class Look:
    """How a network's units and curves are drawn, told apart without colour too.

    Attributes
    ----------
    colour : str
        Of the network.
    marker : str
        Its shape, as Matplotlib calls it.
    filled : bool
        Whether markers are; the first network's are.
    line : Any
        Line style.
    """

    colour: str
    marker: str
    filled: bool
    line: Any

    def dots(self, size: float = 2.4) -> dict[str, Any]:
        """Return the style of markers without a line."""
        face = {"mfc": self.colour, "mew": 0.0} if self.filled else {"mfc": "white", "mew": 0.5}
        return {"marker": self.marker, "ls": "", "ms": size, "mec": self.colour, **face}


def looks_of(networks: Iterable[str]) -> dict[str, Look]:
    """Return how each of several networks is drawn, by their order."""
    return {
        name: Look(
            network_colour(name),
            _MARKERS[at % len(_MARKERS)],
            at == 0,
            _LINES[at % len(_LINES)],
        )
        for at, name in enumerate(dict.fromkeys(networks))
    }


def say_missing(axes: Axes, text: str) -> None:
    """Say in the middle of a panel that it has nothing to show, and why."""
    axes.text(0.5, 0.5, text, transform=axes.transAxes, size=LABEL, color=GREY, ha="center")
    axes.set(xticks=[], yticks=[])
    for spine in axes.spines.values():
        spine.set_color(FAINT)


def why_missing(withheld: Iterable[object], index: str) -> str:
    """Return why an index is not shown, from the column ``withheld`` of the table of units."""
    hidden = {name for text in withheld if isinstance(text, str) for name in text.split()}
    return "withheld: controls failed" if index in hidden else "not measured"
