"""What a malicious results folder can do: nothing of it is run, nothing outside it touched."""

from __future__ import annotations

import json
import zipfile

import numpy as np
import pytest

from diversevis.errors import UserError
from diversevis.fetching.files import file_sha256
from diversevis.results.formats import read_arrays, read_json, read_rows
from diversevis.study.folder import RECORD, alone_in, renewed
from tests.security.test_checkpoints import RunsCode


def test_pickled_arrays_are_refused_and_not_run(tmp_path):
    mark = tmp_path / "ran"
    objects = np.array([RunsCode(mark)], dtype=object)
    path = tmp_path / "sweep.npz"
    np.savez(path, values=objects, about=np.array("{}"))
    with pytest.raises(UserError, match="make the file anew"):
        read_arrays(path, "sweep")
    assert not mark.exists()
    with np.load(path, allow_pickle=True) as file:
        file["values"]
    assert mark.exists(), "the test would not notice if it were run"


def test_arrays_are_read_and_not_unpacked(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    path = folder / "sweep.npz"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("../outside.npy", b"\x93NUMPY")
        archive.writestr("../outside.py", "raise SystemExit")
    with pytest.raises(UserError):
        read_arrays(path, "sweep")
    assert sorted(tmp_path.rglob("*")) == [folder, path]


def test_tables_and_records_are_text(tmp_path):
    path = tmp_path / "units.csv"
    code = "__import__('os').abort()"
    path.write_text(f'unit,value\n"{code}",=1+1\n')
    assert read_rows(path) == [{"unit": code, "value": "=1+1"}]
    path.write_text(json.dumps({"unit": code}))
    assert read_json(path) == {"unit": code}
    path.write_text(code)
    with pytest.raises(UserError, match="JSON"):
        read_json(path)


def test_record_can_give_up_files_of_its_own_folder_alone(tmp_path):
    """It lists what a new set may take the place of, with the digest of each."""
    folder = tmp_path / "out"
    folder.mkdir()
    for path in (tmp_path / "victim", folder / "mine", folder / "listed"):
        path.write_text("")
    listed = ["listed", "../victim", str(tmp_path / "victim")]
    digest = file_sha256(tmp_path / "victim")
    record = {"settings": {}, "code": {}, "reads": {}, "files": dict.fromkeys(listed, digest)}
    (folder / RECORD).write_text(json.dumps(record))
    with alone_in(folder), renewed(folder, ["new"]) as making:
        (making / "new").write_text("")
        (making / RECORD).write_text(json.dumps({**record, "files": {}}))
    assert (tmp_path / "victim").exists()
    assert sorted(path.name for path in folder.iterdir() if path.name[0] != ".") == [
        "mine",
        "new",
        RECORD,
    ]
