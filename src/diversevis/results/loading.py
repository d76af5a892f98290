"""A result of any kind, read from its file."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path

import numpy as np

from diversevis.errors import UserError
from diversevis.results.sets import ImageSets, SweepResult
from diversevis.results.tests import LayerTests

_KINDS: dict[str, type[ImageSets | SweepResult | LayerTests]] = {
    "sets": ImageSets,
    "sweep": SweepResult,
    "tests": LayerTests,
}
_FILES = ("sweep.npz", "visualizations.npz", "tests.npz")
"""Of the folders that commands make, the most telling first."""


def load(path: Path | str) -> ImageSets | SweepResult | LayerTests:
    """Return a result from its file, or from the folder that a command made. Needs no PyTorch.

    Parameters
    ----------
    path
        A file of ``save``, one of a run (``sweep.npz``, ``tests.npz``), or the folder that
        `visualize` or `invariance` wrote.

    Returns
    -------
    ImageSets, SweepResult or LayerTests
        What `diverse_sets`, `visualize` and `sweep`, or `invariance` returned, as NumPy arrays:
        images ``[units, n, 3, s, s]`` in patch units, for instance. They have ``to_pandas``,
        ``show`` and ``save`` as well.

    Raises
    ------
    UserError
        If there is no such file, it is damaged, or holds something else.

    Examples
    --------
    >>> import diversevis as dv
    >>> from diversevis.controls.units import Controls
    >>> sets = dv.diverse_sets(Controls("simple"), 0, images=2, schedule=dv.Schedule(steps=1))
    >>> sets.save("simple.npz")
    >>> dv.load("simple.npz").images.shape
    (1, 2, 3, 24, 24)
    """
    if not isinstance(path, str | Path):
        raise UserError("the path of a file or folder", repr(path)[:80], "give text")
    file = Path(path)
    if file.is_dir():
        there = [file / name for name in _FILES if (file / name).exists()]
        if not there:
            wanted = f"{', '.join(_FILES[:-1])} or {_FILES[-1]} in {file}"
            raise UserError(wanted, "none of them", "name another folder, or a file")
        file = there[0]
    return _KINDS[_kind(file)].load(file)


def _kind(file: Path) -> str:
    """Return which of `_KINDS` a file holds."""
    wanted = f"images, a sweep or tests, as they are saved, in {file}"
    try:
        with np.load(file) as arrays:
            kind = json.loads(str(arrays["about"]))["kind"]
    except (OSError, ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        reason = getattr(error, "strerror", None) or f"{type(error).__name__}: {error}"
        raise UserError(wanted, reason, "name another file, or make it anew") from error
    if kind not in _KINDS:
        raise UserError(wanted, f"{kind!r}", "name another file")
    return str(kind)
