"""The atlas of a small folder of results."""

from __future__ import annotations

from pathlib import Path

import pytest
from atlas_results import write_results

from diversevis.atlas.site import make_atlas


@pytest.fixture(scope="session")
def results(tmp_path_factory) -> Path:
    return write_results(tmp_path_factory.mktemp("results") / "tiny")


@pytest.fixture(scope="session")
def atlas(results, tmp_path_factory) -> Path:
    """The folder of the atlas of `results`."""
    out = tmp_path_factory.mktemp("site") / "atlas"
    make_atlas(results, out)
    return out
