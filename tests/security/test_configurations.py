"""What a malicious configuration can do."""

from __future__ import annotations

import pytest

from diversevis.errors import UserError
from diversevis.study.settings import read_criteria, read_settings


@pytest.mark.parametrize("read", [read_settings, read_criteria])
@pytest.mark.parametrize(
    "tag", ["object/apply:pathlib.Path.touch", "object/new:pathlib.Path.touch", "name:os.abort"]
)
def test_code_in_a_configuration_is_refused(tmp_path, read, tag):
    mark = tmp_path / "ran"
    mine = tmp_path / "mine.yaml"
    mine.write_text(f"scale: !!python/{tag} [!!python/object/apply:pathlib.Path [{mark}]]\n")
    with pytest.raises(UserError, match="could not determine a constructor"):
        read(mine)
    assert not mark.exists()


@pytest.mark.parametrize("scale", ["../../escape", "/tmp/escape", "a/b", "..", ""])
def test_scale_names_no_other_folder(tmp_path, scale):
    with pytest.raises(UserError, match="scale"):
        read_settings({"scale": scale, "layers": {"vgg19": ["conv1_1"]}})


def test_snakemake_runs_code_that_a_configuration_holds_and_we_do_not(tmp_path):
    """Its configuration files may be templates of Python: this is what the page warns of."""
    snakemake = pytest.importorskip("snakemake.common.configfile")
    mark, mine = tmp_path / "ran", tmp_path / "mine.yaml"
    code = f'?__import__("pathlib").Path({str(mark)!r}).touch()'
    mine.write_text(f"__use_yte__: true\nscale: quick\nseed: {code}\n")
    with pytest.raises(UserError, match="__use_yte__"):
        read_settings(mine)
    assert not mark.exists()
    snakemake.load_configfile(mine)
    assert mark.exists()
