"""What stands for the controls where a network's name does."""

from __future__ import annotations

CONTROLS = "controls"
