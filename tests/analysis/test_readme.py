"""README.md is what the committed results render, and says so where something was not run."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pandas as pd
import pytest

from diversevis.analysis.claims import claim_table
from diversevis.analysis.layers import layer_table
from diversevis.analysis.pairs import pair_table
from diversevis.analysis.readme import (
    TEMPLATE,
    duration,
    main,
    per_layer,
    render,
    run_time,
    shown_scale,
)
from diversevis.analysis.reproduction import reproduction_table
from diversevis.analysis.tables import write_frame
from diversevis.errors import UserError

ROOT = Path(__file__).parents[2]
PAIRS = [[["vgg19", "conv3_1"], ["resnet50", "layer1.1"]]]


def changed_since_the_commit() -> bool:
    """Tell whether results are others than the committed ones: those of a run of one's own."""
    command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "results"]
    try:
        return bool(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    except (OSError, subprocess.CalledProcessError):  # not a git checkout: as it was released
        return False


def test_readme_is_what_the_committed_results_render():
    same = (ROOT / "README.md").read_text(encoding="utf-8") == render(ROOT)
    if not same and changed_since_the_commit():
        pytest.skip("results/ differs from the commit: `make readme` writes README.md for it")
    assert same, "README.md is stale: run `make readme`"


def test_readme_links_to_files_that_exist():
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []


@pytest.fixture
def checkout(tmp_path, make_units, criteria):
    """A checkout with the results of two layers at the standard scale."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / TEMPLATE).parent.mkdir()
    shutil.copy(ROOT / TEMPLATE, tmp_path / TEMPLATE)
    units = make_units(phase_invariant=[True] * 3 + [False] * 37)
    pairs = pair_table(units, PAIRS, criteria["C4"])
    tables = tmp_path / "results/standard/tables"
    for name, table in {
        "units": units,
        "layers": layer_table(units, criteria),
        "pairs": pairs,
        "claims": claim_table(units, pairs, criteria),
    }.items():
        write_frame(tables / f"{name}.csv", table)
    return tmp_path


def test_what_was_not_run_is_said(checkout):
    text = render(checkout)
    assert "Controls were not run." in text
    assert "How well they agree: not run; `make bench`" in text
    assert "Not run yet for any committed scale." in text
    assert "| 40 | not recorded | not recorded | not recorded |" in text
    assert "| `full` | 13 | all | not run | not run |" in text
    for empty in ("nan", "None", "Undefined"):
        assert not re.search(rf"\b{empty}\b", text)


def test_numbers_come_from_the_tables(checkout):
    path = checkout / "results/standard/tables/claims.csv"
    claims = pd.read_csv(path).astype({"holds": object})
    assert "**C2** Some units in early layers of VGG-19 are phase invariant. | **holds** |" in (
        text := render(checkout)
    )
    assert "0.5 above surrogate: 3 of 20, a share of 0.15 (0.0524 to 0.36); wanted at least 1" in (
        text
    )
    ratio = claims.quantity.str.startswith("median ratio")
    claims.loc[ratio, ["value", "low", "high"]] = [7.125, 6.5, 8.25]
    claims.loc[claims.claim == "C1", "holds"] = False
    claims.loc[claims.claim == "C2", "holds"] = None
    write_frame(path, claims)
    text = render(checkout)
    assert "diverse over restarts: 7.12 (6.5 to 8.25) (40 units)" in text
    assert "miss. | **does not hold** |" in text
    assert "phase invariant. | **not decided** |" in text


def test_layers_and_pairs_have_a_row_each(checkout, make_units, criteria):
    text = render(checkout)
    # Medians of the fixture's even spacing: 0.1 to 0.9 over 40 units, the first 20 and the others.
    assert re.search(
        r"^\| vgg19 conv3_1 \| 24 \| [^|]+ \| 0.295 \([^|]+\) \| 3 of 20 \|", text, re.M
    )
    assert re.search(r"^\| resnet50 layer1.1 \| 27 \| .* \| 0 of 20 \|", text, re.M)
    # All of ResNet-50's units have more phase above their stand-ins.
    line = re.search(r"^\| vgg19 conv3_1, resnet50 layer1.1 \| (.*) \| (.*) \|$", text, re.M)
    assert line.group(1).startswith("**-1 (-1 to ")
    assert line.group(2).startswith("0 (")


def test_withheld_indices_are_named(checkout, make_units, criteria):
    tables = checkout / "results/standard/tables"
    units = make_units(withheld="phase", phase_index=float("nan"), phase_above=float("nan"))
    pairs = pair_table(units, PAIRS, criteria["C4"])
    write_frame(tables / "pairs.csv", pairs)
    write_frame(tables / "layers.csv", layer_table(units, criteria))
    write_frame(tables / "claims.csv", claim_table(units, pairs, criteria))
    controls = {"criterion": ["a", "b"], "index": ["phase", "shift"], "holds": [False, True]}
    write_frame(tables / "controls.csv", pd.DataFrame(controls))
    text = render(checkout)
    assert "meet 1 of 2 criteria; withheld for that reason: phase." in text
    assert "phase invariant. | **not decided** |" in text
    assert "| not measured | not measured |" in text


def test_the_largest_scale_with_results_is_shown(checkout):
    assert "figures/standard/comparison.png" in render(checkout)
    results = checkout / "results"
    shutil.copytree(results / "standard", results / "quick")
    assert shown_scale(checkout) == "standard"
    shutil.copytree(results / "standard", results / "full")
    text = render(checkout)
    assert "figures/full/comparison.png" in text
    assert "figures/standard" not in text


def test_times_checks_and_benchmarks_are_shown_where_they_are(checkout, make_units, criteria):
    tables = checkout / "results/standard/tables"
    total = {"rule": "all", "jobs": 9, "measured": 9, "seconds": 7000, "wall_seconds": 5000}
    total |= {"peak_mib": 1536, "device": "CPU (Some)", "cores": 2, "memory_gib": 23.4}
    total["note"] = None
    write_frame(tables / "resources.csv", pd.DataFrame([total]))
    reference = make_units()
    reference.loc[0, "f1_f0"] += 1
    check = reproduction_table(make_units(), reference, criteria["reproduction"])
    write_frame(tables / "reproduction.csv", check)
    folder = checkout / "results/benchmarks"
    ratio = {"value": 8.125, "low": 8, "high": 8.25, "wanted": ">= 6", "holds": 1, "device": "cpu"}
    free = {**ratio, "ratio": "something else", "wanted": "", "holds": None}
    write_frame(folder / "ratios.csv", pd.DataFrame([{"ratio": "time to quality", **ratio}, free]))
    fast = {"network": "vgg19", "layer": "conv3_1", "compared": 16}
    fast |= {"activation_low": 1.0, "activation_high": 1.025}
    fast |= {"distance": 1.05, "distance_low": 1.01, "distance_high": 1.1}
    rows = [
        {**fast, "contender": f"fast schedule, {dtype}", "dtype": dtype, "activation": value}
        for dtype, value in (("float32", 0.5), ("bfloat16", 1.0125))
    ]
    write_frame(folder / "quality.csv", pd.DataFrame(rows))
    origin = json.dumps({"device": "CPU (Other)", "threads": 3})
    (folder / "provenance.json").write_text(origin)
    text = render(checkout)
    assert "| 40 | 83 min | 1.5 GiB | CPU (Some), 2 cores, 23 GiB |" in text
    assert "319 of 320 values of 40 shared units (99.7 %) agree" in text
    assert "On CPU (Other), 3 threads" in text
    assert "| time to quality | 8.12 (8 to 8.25) | >= 6 | holds |" in text
    assert "something else" not in text
    assert "On 16 units of vgg19 conv3_1, in bfloat16, its sets have 1.01 (1 to 1.02) times" in text


def test_results_taken_up_from_elsewhere_have_no_time(checkout):
    tables = checkout / "results/standard/tables"
    note = "9 taken up without a measurement, computed on NVIDIA X"
    total = {"rule": "all", "jobs": 9, "measured": 0, "note": note}
    write_frame(tables / "resources.csv", pd.DataFrame([total]))
    assert f"| 40 | not recorded | not recorded | {note} |" in render(checkout)


def test_layers_with_another_number_of_units_are_named():
    assert per_layer({"per_layer": "all"}) == "all"
    other = {"vgg19": {"conv3_4": 16}, "resnet50": {"layer2.0": 12}}
    units = {"per_layer": 32, "include": {}, "other": other}
    assert per_layer(units) == "32, 16 in conv3_4, 12 in layer2.0"


def test_jobs_are_summed_where_it_is_not_known_when_they_ran():
    entry = pd.Series({"seconds": 9000, "wall_seconds": float("nan")})
    assert run_time(entry) == "2.5 h, jobs summed"


@pytest.mark.parametrize(
    ("seconds", "text"), [(89, "89 s"), (90, "2 min"), (5399, "90 min"), (9000, "2.5 h")]
)
def test_durations_are_readable(seconds, text):
    assert duration(seconds) == text


def test_without_results_nothing_is_rendered(tmp_path):
    with pytest.raises(UserError, match="make reproduce"):
        render(tmp_path)


def test_a_value_that_is_not_known_is_named_and_readme_kept(checkout, capsys):
    (checkout / "README.md").write_text("as it was")
    (checkout / TEMPLATE).write_text("{{ velocity }}")
    assert main(checkout) == 2
    assert "velocity" in capsys.readouterr().err
    assert (checkout / "README.md").read_text() == "as it was"


def test_main_writes_it(checkout):
    assert main(checkout) == 0
    assert (checkout / "README.md").read_text() == render(checkout)
