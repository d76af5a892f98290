"""Templates, and what they need to show numbers."""

from __future__ import annotations

import json
import math
from importlib import resources
from typing import Any

import jinja2
import numpy as np
from markupsafe import Markup

from diversevis.atlas import words
from diversevis.atlas.charts import Axis

_SHADES = {"#0072B2": "var(--phase)", "#D55E00": "var(--deformation)"}
"""Colours of families that have one for dark pages, too."""


def environment() -> jinja2.Environment:
    """Return the templates: everything that is shown is escaped, and no name may be missing."""
    found = jinja2.Environment(
        loader=jinja2.PackageLoader("diversevis.atlas"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters.update(
        two=words.two, shown=words.shown, json=script_json, bar=bar, shade=_shade, plain=str
    )
    return found


def asset(name: str) -> bytes:
    """Return a file that all pages share."""
    return resources.files("diversevis.atlas").joinpath("assets", name).read_bytes()


def script_json(content: Any) -> Markup:
    """Return content as JSON that may stand in a script: no ``<`` in it."""
    text = json.dumps(_plain(content), ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for sign in "<>&\u2028\u2029":
        text = text.replace(sign, f"\\u{ord(sign):04x}")
    return Markup(text)  # no sign of markup is left


def bar(value: Any) -> str:
    """Return how long the bar of an index is, in per cent of 1: none below 0, at most 120."""
    known = value is not None and math.isfinite(float(value))
    return f"{min(max(float(value), 0), 1.2) * 100:.1f}" if known else "0"


def _shade(colour: str) -> str:
    return _SHADES.get(colour, colour if colour.startswith("#") and colour[1:].isalnum() else "")


def _plain(content: Any) -> Any:
    """Return content as JSON has it: numbers that are not finite become nothing."""
    if isinstance(content, dict):
        # What only the drawing on the page needs stays out.
        return {name: _plain(value) for name, value in content.items() if type(value) is not Axis}
    if isinstance(content, list | tuple):
        return [_plain(value) for value in content]
    if isinstance(content, np.generic):
        content = content.item()
    return None if isinstance(content, float) and not math.isfinite(content) else content
