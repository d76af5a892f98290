"""The machine that a run is on. Needs PyTorch only where something computes."""

from __future__ import annotations

import platform
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch


def processor() -> str:
    """Return the name of this machine's processor."""
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"CPU ({model})"


def device_name(device: torch.device) -> str:
    """Return the name of the processor behind a device."""
    import torch

    return torch.cuda.get_device_name(device) if device.type == "cuda" else processor()


def computed_on(device: torch.device) -> dict[str, Any]:
    """Return what provenance says of what computed."""
    import torch

    return {"device": device_name(device), "threads": torch.get_num_threads()}
