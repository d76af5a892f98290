"""A run and its reference have to maximise the same measure."""

from __future__ import annotations

import json

import pytest

from diversevis.cli import main
from diversevis.errors import UserError
from diversevis.results.formats import write_rows
from diversevis.study.reference import check_reference
from diversevis.study.settings import read_settings


def settings(measure, reference="standard"):
    return read_settings(
        {
            "scale": "mine",
            "layers": {"vgg19": ["conv3_1"]},
            "reference": reference,
            "invariance": {"measure": measure},
        }
    )


@pytest.mark.parametrize(
    ("row", "same", "other"),
    [
        ({"channel": 3, "measure": "contrast"}, "contrast", "response"),
        ({"channel": 3}, "response", "contrast"),  # of the first edition
    ],
)
def test_only_another_measure_is_refused(tmp_path, row, same, other):
    check_reference(settings(other), tmp_path)  # nothing is there yet
    write_rows(tmp_path / "standard" / "tables" / "units.csv", [row], list(row))
    check_reference(settings(same), tmp_path)
    check_reference(settings(other, reference=None), tmp_path)
    with pytest.raises(UserError, match=f"{same}, the measure of the reference standard") as error:
        check_reference(settings(other), tmp_path)
    assert other in error.value.received


def test_a_run_is_refused_before_anything_is_computed(tmp_path, capsys):
    row = {"channel": 3, "measure": "response"}
    write_rows(tmp_path / "results" / "standard" / "tables" / "units.csv", [row], list(row))
    content = {"scale": "mine", "layers": {"vgg19": ["conv1_1"]}, "reference": "standard"}
    (tmp_path / "mine.json").write_text(json.dumps(content))
    code = main(["run", str(tmp_path / "mine.json"), "--out", str(tmp_path / "results")])
    assert code == 2
    errors = capsys.readouterr().err
    assert "response, the measure of the reference standard" in errors
    assert "got contrast" in errors
    assert not (tmp_path / "results" / "mine").exists()
