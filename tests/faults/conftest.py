"""One undisturbed run of each command, to which disturbed ones are compared."""

import shutil

import pytest
from surfaces import RUN, VISUALIZE, prepared


@pytest.fixture(scope="session")
def whole_run(tmp_path_factory):
    folder = prepared(tmp_path_factory.mktemp("faults") / "run")
    RUN.finish(folder)
    return folder


@pytest.fixture(scope="session")
def whole_visualize(tmp_path_factory):
    folder = prepared(tmp_path_factory.mktemp("faults") / "visualize")
    VISUALIZE.finish(folder)
    return folder


@pytest.fixture
def copied_run(whole_run, tmp_path):
    shutil.copytree(whole_run, tmp_path / "run")
    return tmp_path / "run"
