"""The notebooks run, from the first cell to the last, and are committed as they came out."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

NOTEBOOKS = sorted((Path(__file__).parents[1] / "docs" / "notebooks").glob("*.ipynb"))
MOST_BYTES = 400_000
"""Of a notebook with its pictures: what a repository bears."""


@pytest.fixture(scope="module")
def kernel():
    """One for all of them: PyTorch is imported once."""
    client = pytest.importorskip("jupyter_client")
    pytest.importorskip("ipykernel")
    manager = client.KernelManager(kernel_name="python3")
    manager.start_kernel()
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_runs(path, kernel, tmp_path):
    nbclient = pytest.importorskip("nbclient")
    nbformat = pytest.importorskip("nbformat")
    notebook = nbformat.read(path, as_version=4)
    forget = nbformat.v4.new_code_cell("%reset -f")  # names of the one before
    notebook.cells.insert(0, forget)
    resources = {"metadata": {"path": str(tmp_path)}}
    nbclient.NotebookClient(notebook, km=kernel, timeout=300, resources=resources).execute()
    shown = json.dumps([cell.get("outputs") for cell in notebook.cells])
    assert "data:image/png;base64," in shown


def test_there_are_four():
    names = [path.stem for path in NOTEBOOKS]
    assert names == ["first-unit", "model-neuron", "new-family", "your-own-network"]


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_is_committed_with_its_outputs(path):
    assert path.stat().st_size < MOST_BYTES
    cells = [cell for cell in json.loads(path.read_text())["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert not [output for output in outputs if output["output_type"] == "error"]
    assert not [output for output in outputs if output.get("name") == "stderr"]
    assert "data:image/png;base64," in json.dumps(outputs)
