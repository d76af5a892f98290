"""What is done with a result: a line, a picture, a table, arrays, a file.

What draws, and what makes tables, is found by name when it is asked for: results do not depend on
it, and synthesis does without.
"""

from __future__ import annotations

import base64
import html
import importlib
import io
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from diversevis.errors import UserError

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

_ARRAYS = {
    "DiverseSets": ("sets", "ImageSets"),
    "Sweep": ("sets", "SweepResult"),
    "Invariance": ("tests", "LayerTests"),
}
"""Which class of `diversevis.results` has the same as arrays."""


class Views:
    """Gives a result, whatever is in it, the ways to look at it that all of them have.

    Results as arrays, those of `diversevis.results`, also have ``summary`` and ``rows``.
    """

    def numpy(self) -> Any:
        """Return the same with NumPy arrays in place of tensors: what `diversevis.load` returns."""
        module, name = _ARRAYS[type(self).__name__]
        return getattr(importlib.import_module(f"diversevis.results.{module}"), name).of(self)

    def to_pandas(self) -> pd.DataFrame:
        """Return the table that the commands write: one row per unit, level or index.

        Raises
        ------
        UserError
            If pandas is not installed.
        """
        try:
            pandas = importlib.import_module("pandas")
        except ImportError:
            wanted, remedy = "pandas, for a table", "install it, or take .numpy().rows()"
            raise UserError(wanted, "none installed", remedy) from None
        table: pd.DataFrame = pandas.DataFrame(self.numpy().rows())
        return table

    def save(self, path: Path | str) -> None:
        """Write everything to one file, ``.npz``, for `diversevis.load`."""
        self.numpy().save(path)

    def figures(self) -> list[Figure]:
        """Return the pictures: a contact sheet, or a page for each of the first units.

        Raises
        ------
        UserError
            If matplotlib is not installed.
        """
        found: list[Figure] = _pictures().figures_of(self.numpy())
        return found

    def show(self) -> None:
        """Show the pictures: below the cell in a notebook, elsewhere in the viewer of the system.

        Raises
        ------
        UserError
            If matplotlib is not installed, or nothing on this machine shows pictures.
        """
        pictures = [_pictures().png_of(figure) for figure in self.figures()]
        if _in_notebook():
            importlib.import_module("IPython.display").display(self)
            return
        shower = importlib.import_module("PIL.ImageShow")
        image = importlib.import_module("PIL.Image")
        for picture in pictures:
            if not shower.show(image.open(io.BytesIO(picture)), title=repr(self)):
                wanted, remedy = "a program that shows pictures", "save .figures()[0] with .savefig"
                raise UserError(wanted, "none on this machine", remedy)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.numpy().summary()})"

    def _repr_html_(self) -> str:
        """Return the pictures, and the line, as a notebook shows them."""
        line = f"<p><code>{html.escape(repr(self))}</code></p>"
        try:
            pictures = [_pictures().png_of(figure) for figure in self.figures()]
        except UserError:  # no matplotlib
            return line
        texts = [base64.b64encode(picture).decode() for picture in pictures]
        style = "max-width: 100%"
        images = [f'<img style="{style}" src="data:image/png;base64,{text}"/>' for text in texts]
        return "".join([*images, line])


def _pictures() -> Any:
    try:
        return importlib.import_module("diversevis.figures.pictures")
    except ImportError:
        wanted, remedy = "matplotlib, for pictures", "install it: pip install matplotlib"
        raise UserError(wanted, "none installed", remedy) from None


def _in_notebook() -> bool:
    shell = sys.modules.get("IPython")
    return shell is not None and hasattr(shell.get_ipython(), "kernel")
