"""A run and its reference have to maximise the same measure."""

from __future__ import annotations

import pytest

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
