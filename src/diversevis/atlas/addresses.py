"""Where each page lies, as a file and as a link."""

from __future__ import annotations

import posixpath
import string
from typing import Any
from urllib.parse import quote

_PLAIN = frozenset(string.ascii_letters + string.digits + "._+-")
SHARED = "_atlas"
"""The folder of what all pages share; no network's folder begins with an underscore."""


def safe(name: object) -> str:
    """Return a name as part of a path: everything but letters, digits and ``._+-`` as ``%XX``.

    Different names stay different. None begins with a dot or an underscore, or is ``index``.
    """
    text = str(name)
    parts = [
        char if char in _PLAIN and not (at == 0 and char in "._") else _coded(char)
        for at, char in enumerate(text)
    ]
    if text.lower() == "index":
        parts[0] = _coded(text[0])
    return "".join(parts) or _coded("\0")


def _coded(char: str) -> str:
    return "".join(f"%{byte:02X}" for byte in char.encode("utf-8", "surrogatepass"))


def unit_path(network: str, layer: str, channel: Any) -> str:
    """Return the path of a unit's files in the atlas, without a suffix."""
    return f"{safe(network)}/{safe(layer)}/{safe(channel)}"


def layer_path(network: str, layer: str) -> str:
    """Return the path of a layer's page."""
    return f"{safe(network)}/{safe(layer)}/index.html"


def network_path(network: str) -> str:
    """Return the path of a network's page."""
    return f"{safe(network)}/index.html"


def link(target: str, page: str) -> str:
    """Return the relative address of the file `target` on the page `page`, both paths."""
    return quote(posixpath.relpath(target, posixpath.dirname(page) or "."), safe="/+")
