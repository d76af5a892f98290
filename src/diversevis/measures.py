"""What indices are means of, by name. Needs no torch."""

from __future__ import annotations

RESPONSE, CONTRAST = "response", "contrast"
"""Responses relative to the best patch's, as published, and effective contrasts."""

MEASURES = (CONTRAST, RESPONSE)
