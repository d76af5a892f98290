"""Where a result comes from: commit, code, versions, device, weights, settings."""

from __future__ import annotations

import datetime
import platform
import subprocess
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

_PACKAGES = ("diversevis", "torch", "torchvision", "numpy", "safetensors", "pandas", "matplotlib")


def record(settings: Mapping[str, Any], code: Mapping[str, str], **more: Any) -> dict[str, Any]:
    """Return the provenance of a result, ready for JSON.

    Parameters
    ----------
    settings
        Everything that determines it beside the code: network, layer, seed, schedule and so on.
    code
        `diversevis.study.freshness.code_digests` of what made it.
    **more
        What else is known: weights, device, channels.
    """
    return {
        "created": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "settings": dict(settings),
        **more,
        "checkout": checkout(),
        "code": dict(code),
        "platform": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "packages": versions(),
    }


def checkout(folder: Path = Path(__file__).parent) -> dict[str, Any] | None:
    """Return the commit of the checkout that the package runs from, and whether it was clean.

    What a run makes does not count. None for an installed package, and without git.
    """

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(folder), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()

    try:
        top = git("rev-parse", "--show-toplevel")
        if Path(top) / "src" / "diversevis" != folder.resolve().parent:
            return None
        made = [f":(exclude,top){name}" for name in ("results", "figures", "README.md", "docs")]
        status = git("-C", top, "status", "--porcelain", "--", ".", *made)
        return {"commit": git("rev-parse", "HEAD"), "clean": not status}
    except (OSError, subprocess.CalledProcessError):
        return None


def versions(packages: tuple[str, ...] = _PACKAGES) -> dict[str, str]:
    """Return the installed versions of `packages`; those that are absent are left out."""
    found = {}
    for package in packages:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue
    return found
