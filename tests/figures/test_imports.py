"""What figures need."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import diversevis.figures


def test_figures_need_no_torch():
    folder = Path(diversevis.figures.__file__).parent
    names = [f"diversevis.figures.{path.stem}" for path in folder.glob("*.py")]
    code = (
        f"import sys, importlib; [importlib.import_module(name) for name in {names}]; "
        "print({'torch', 'torchvision'} & set(sys.modules) or 'none')"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert result.stdout.strip() == "none", result.stderr
