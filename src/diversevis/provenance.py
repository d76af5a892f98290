"""Where a result comes from: versions, device, weights, settings."""

from __future__ import annotations

import datetime
import json
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

import torch

from diversevis.files import write_text
from diversevis.networks.store import StoredNetwork

_PACKAGES = ("diversevis", "torch", "torchvision", "numpy", "safetensors")


def record(
    stored: StoredNetwork | None, device: torch.device | str, **settings: Any
) -> dict[str, Any]:
    """Return the provenance of a run, ready for JSON.

    Parameters
    ----------
    stored
        The network's weights as they were loaded, if any.
    device
        Where it ran.
    **settings
        Everything that determines the result: layer, channels, seed, schedule and so on.
    """
    network = (
        None
        if stored is None
        else {
            "name": stored.name,
            "weights_sha256": stored.digest,
            "weights_source": stored.source,
        }
    )
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "network": network,
        "settings": settings,
        "device": device_name(device),
        "threads": torch.get_num_threads(),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions(_PACKAGES),
    }


def versions(packages: tuple[str, ...]) -> dict[str, str]:
    """Return the installed versions of `packages`; those that are absent are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found


def device_name(device: torch.device | str) -> str:
    """Return the name of the processor behind a device."""
    device = torch.device(device)
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(
            line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")
        )
    except (OSError, StopIteration):
        model = platform.processor() or platform.machine()
    return f"CPU ({model})"


def write(path: Path | str, provenance: dict[str, Any]) -> None:
    """Write a provenance record as JSON."""
    write_text(path, json.dumps(provenance, indent=2, sort_keys=False) + "\n")
