"""Peak memory of one contender, in a process of its own: ``python -m benchmarks.memory``."""

from __future__ import annotations

import json
import re
import resource
import sys
from pathlib import Path

import torch

from benchmarks.contenders import Bench
from benchmarks.timing import SHORT
from diversevis.devices import keep_memory


def main(case: str, fields: str) -> None:
    """Run a few steps of the contender `case` and print its columns and peak memory as JSON."""
    keep_memory()  # as in the other measures
    fields = json.loads(fields)
    bench = Bench(**{**fields, "device": torch.device(fields["device"])})
    if case == "nothing":
        _ = bench.trunk
        settings = bench.described(case)
    else:
        contender = bench.by_name(case)
        contender.run(SHORT)
        settings = contender.settings
    print(json.dumps({"bytes": peak(bench.device), "settings": settings}))


def peak(device: torch.device) -> int:
    """Return the most bytes that this process has held: on a GPU, of the GPU's memory."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        # Linux hands the parent's `ru_maxrss` down to a child; this is the process's own.
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return 1024 * int(re.search(r"VmHWM:\s+(\d+) kB", status).group(1))
    except (OSError, AttributeError):
        unit = 1 if sys.platform == "darwin" else 1024
        return unit * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


if __name__ == "__main__":
    main(*sys.argv[1:])
