"""README.md and docs are what committed results render, and say so where something was not run."""

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
from diversevis.analysis.reproduction import reproduction_table
from diversevis.analysis.tables import read_frame, write_frame
from diversevis.documents import (
    duration,
    main,
    per_layer,
    render,
    run_time,
    shown_scale,
    templates,
    values,
)
from diversevis.errors import UserError
from diversevis.study.settings import Choice

ROOT = Path(__file__).parents[2]
PAIRS = [[["vgg19", "conv3_1"], ["resnet50", "layer1.1"]]]
TEMPLATES = [pytest.param(*pair, id=pair[1].name) for pair in templates(ROOT)]


def changed_since_the_commit() -> bool:
    """Tell whether results are others than the committed ones: those of a run of one's own."""
    command = ["git", "-C", str(ROOT), "status", "--porcelain", "--", "results"]
    try:
        return bool(subprocess.run(command, capture_output=True, check=True, text=True).stdout)
    except (OSError, subprocess.CalledProcessError):  # not a git checkout: as it was released
        return False


@pytest.mark.parametrize(("template", "target"), TEMPLATES)
def test_documents_are_what_the_committed_results_render(template, target):
    same = target.read_text(encoding="utf-8") == render(ROOT, template)
    if not same and changed_since_the_commit():
        pytest.skip("results/ differs from the commit: `make readme` writes documents for it")
    assert same, f"{target.name} is stale: run `make readme`"


@pytest.mark.parametrize(("template", "target"), TEMPLATES)
def test_documents_link_to_files_that_exist(template, target):
    links = re.findall(r"\]\(((?!https?:)[^)#]+)\)", target.read_text(encoding="utf-8"))
    assert [link for link in links if not (target.parent / link).exists()] == []


@pytest.fixture
def checkout(tmp_path, make_units, registry, criteria):
    """A checkout with the results of two layers at the standard scale."""
    shutil.copytree(ROOT / "config", tmp_path / "config")
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/README.template.md").write_text("{{ scale }}: {{ units }} units\n")
    (tmp_path / "docs/claims.template.md").write_text("{{ claims[0].claim }}\n")
    units = make_units(phase_invariant=[True] * 3 + [False] * 37)
    write_tables(tmp_path, units, registry, criteria)
    return tmp_path


def write_tables(checkout, units, registry, criteria):
    tables = checkout / "results/standard/tables"
    pairs = pair_table(units, PAIRS, registry, criteria)
    registry.save(tables / "quantities.csv")
    for name, table in {
        "units": units,
        "layers": layer_table(units, registry, criteria),
        "pairs": pairs,
        "claims": claim_table(units, pairs, registry, criteria),
    }.items():
        write_frame(tables / f"{name}.csv", table)


def test_what_was_not_run_is_none(checkout):
    shown = values(checkout)
    for name in ("controls", "seeds", "benchmarks", "fast"):
        assert shown[name] is None
    assert shown["checks"] == []
    scales = {row["scale"]: row for row in shown["scales"]}
    measured = ("units", "time", "memory", "machine")
    assert [scales["standard"][name] for name in measured] == ["40", *["not recorded"] * 3]
    assert {scales["full"][name] for name in measured} == {"not run"}
    assert {scales["quick"][name] for name in measured} == {"not kept"}
    assert (scales["full"]["layers"], scales["full"]["per_layer"]) == ("13", "all")


def test_numbers_come_from_the_tables(checkout):
    path = checkout / "results/standard/tables/claims.csv"
    claims = pd.read_csv(path).astype({"holds": object})
    found = first_verdicts(checkout)
    assert [entry.verdict for entry in found] == ["holds", "holds", "does not hold", "holds"]
    assert (
        found[1]
        .measured[0]
        .endswith(
            "0.5 above surrogate: 3 of 20, a share of 0.15 (0.0524 to 0.36); wanted at least 1"
        )
    )
    ratio = claims.part == "distance_ratio"
    claims.loc[ratio, ["value", "low", "high"]] = [7.125, 6.5, 8.25]
    claims.loc[claims.claim == "C1", "holds"] = False
    claims.loc[claims.claim == "C2", "holds"] = None
    write_frame(path, claims)
    found = first_verdicts(checkout)
    assert "diverse over restarts: 7.12 (6.5 to 8.25) (40 units)" in found[0].measured[1]
    assert [entry.verdict for entry in found[:2]] == ["does not hold", "undecided"]


def first_verdicts(checkout):
    return [row["first"] for row in values(checkout)["claims"]]


def test_both_editions_stand_in_one_row_and_nulls_come_from_their_own_scale(checkout):
    rows = values(checkout)["claims"]
    assert [(row["claim"], row["second"].edition) for row in rows] == [
        (claim, "second") for claim in ("C1", "C2", "C3", "C4")
    ]
    second = rows[1]["figures"]
    assert second["variation"] == "figures/standard/variation.png"
    tables = checkout / "results/standard/tables"
    nulls = read_frame(tables / "claims.csv").query("claim == 'C4'").assign(claim="C5")
    write_frame(checkout / "results/nulls/tables/claims.csv", nulls.query("edition == 'second'"))
    last = values(checkout)["claims"][-1]
    assert (last["claim"], last["first"]) == ("C5", None)
    assert last["figures"] == {"sizes": "figures/nulls/sizes.png"}


def test_the_second_edition_is_shown_layer_by_layer(checkout, make_units, registry, criteria):
    perfect = {"phase_variation": 0.01, "phase_variation_uncertainty": 0.001}
    perfect |= {"phase_index": 0.9, "phase_above": 0.6, "phase_above_uncertainty": 0.01}
    units = make_units(**perfect, surrogate_set_level_ratio=1.5)
    write_tables(checkout, units, registry, criteria)
    first, second = values(checkout)["claim_layers"]
    assert first["name"] == "vgg19 conv3_1"
    assert first["level"] == "1.5 (1.5 to 1.5)"
    assert first["share"] == "not measured"
    assert second["phase"] == "20 of 20: 1 (0.839 to 1)"


def test_layers_and_pairs_have_a_row_each(checkout, registry):
    shown = values(checkout)
    first, second = shown["layers"]
    assert (first["name"], first["size"]) == ("vgg19 conv3_1", "24")
    # Medians of the fixture's even spacing: 0.1 to 0.9 over 40 units, the first 20 and the others.
    assert first["phase_index"].startswith("0.295 (")
    assert (first["phase_invariant"], second["phase_invariant"]) == ("3 of 20", "0 of 20")
    assert {entry.name for entry in registry} <= set(first)
    # All of ResNet-50's units have more phase above their surrogates.
    (pair,) = shown["pairs"]
    assert pair["name"] == "vgg19 conv3_1, resnet50 layer1.1"
    assert pair["phase_above"].startswith("**-1 (-1 to ")
    assert pair["deformation_above"].startswith("0 (")
    assert shown["quantities"]["deformation_above"].delta == 2


def test_withheld_indices_are_named(checkout, make_units, registry, criteria):
    units = make_units(withheld="phase", phase_index=float("nan"), phase_above=float("nan"))
    write_tables(checkout, units, registry, criteria)
    controls = {"criterion": ["a", "b"], "index": ["phase", "shift"], "holds": [False, True]}
    write_frame(checkout / "results/standard/tables/controls.csv", pd.DataFrame(controls))
    shown = values(checkout)
    assert shown["controls"] == {"met": 1, "all": 2, "failed": "phase"}
    assert shown["claims"][1]["second"].verdict == "undecided"
    assert shown["layers"][0]["phase_index"] == "not measured"
    assert shown["layers"][0]["phase_invariant"] == "not measured"
    assert shown["pairs"][0]["phase_above"] == "not measured"


def test_the_largest_scale_that_keeps_results_is_shown(checkout):
    results = checkout / "results"
    assert shown_scale(checkout) == "standard"
    shutil.copytree(results / "standard", results / "full")
    shown = values(checkout)
    assert shown["scale"] == "full"
    paths = {row["name"]: row["path"] for row in shown["figures"]}
    assert "nulls" not in paths  # of a scale of its own, which was not run
    assert all(path.startswith("figures/full/") for path in paths.values())
    (checkout / "figures/nulls").mkdir(parents=True)
    (checkout / "figures/nulls/nulls.png").touch()
    assert "figures/nulls/nulls.png" in [row["path"] for row in values(checkout)["figures"]]
    # What anyone makes on the way, and does not commit, is not told of.
    shutil.rmtree(results / "full")
    shutil.move(results / "standard", results / "quick")
    with pytest.raises(UserError, match="SCALE=standard"):
        shown_scale(checkout)


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
    ratio |= {"measure": "quality", "ratio": "time to quality"}
    free = {**ratio, "ratio": "something else", "wanted": "", "holds": None}
    layer = {**free, "measure": "all_units", "ratio": "a whole layer"}
    write_frame(folder / "ratios.csv", pd.DataFrame([ratio, free, layer]))
    fast = {"network": "vgg19", "layer": "conv3_1", "compared": 16, "schedule": "fast"}
    fast |= {"activation_low": 1.0, "activation_high": 1.025}
    fast |= {"distance": 1.05, "distance_low": 1.01, "distance_high": 1.1}
    rows = [
        {**fast, "dtype": dtype, "activation": value}
        for dtype, value in (("float32", 0.5), ("bfloat16", 1.0125))
    ]
    slow = {**fast, "dtype": "bfloat16", "schedule": "published", "activation": 2.0}
    write_frame(folder / "quality.csv", pd.DataFrame([slow, *rows]))
    origin = json.dumps({"device": "CPU (Other)", "threads": 3})
    (folder / "provenance.json").write_text(origin)
    shown = values(checkout)
    (standard,) = (row for row in shown["scales"] if row["scale"] == "standard")
    assert (standard["time"], standard["memory"]) == ("83 min", "1.5 GiB")
    assert standard["machine"] == "CPU (Some), 2 cores, 23 GiB"
    (check,) = shown["checks"]
    assert "439 of 440 values of 40 shared units (99.8 %) agree" in check
    benchmarks = shown["benchmarks"]
    assert (benchmarks["device"], benchmarks["threads"]) == ("CPU (Other)", 3)
    first = {"name": "time to quality", "value": "8.12 (8 to 8.25)", "wanted": ">= 6"}
    assert benchmarks["rows"][0] == {**first, "holds": "holds"}
    assert [row["name"] for row in benchmarks["rows"]] == ["time to quality", "a whole layer"]
    assert (shown["fast"]["dtype"], shown["fast"]["activation"]) == ("bfloat16", "1.01 (1 to 1.02)")


def test_correlations_between_seeds(checkout):
    rows = [
        {"family": "all-shifts", "delta": None, "seeds": "0 and 1", "value": 0.998},
        {"family": "shifts", "delta": 2.0, "seeds": "0 and 1", "value": 0.99},
        {"family": "all-shifts", "delta": None, "seeds": None, "value": -0.1},
    ]
    table = pd.DataFrame(rows).assign(layer="all")
    write_frame(checkout / "results/standard/tables/agreement.csv", table)
    assert values(checkout)["seeds"] == "all-shifts 0.998, shifts 2 0.99"


def test_results_taken_up_from_elsewhere_have_no_time(checkout):
    tables = checkout / "results/standard/tables"
    note = "9 taken up without a measurement, computed on NVIDIA X"
    total = {"rule": "all", "jobs": 9, "measured": 0, "note": note}
    write_frame(tables / "resources.csv", pd.DataFrame([total]))
    (row,) = (row for row in values(checkout)["scales"] if row["scale"] == "standard")
    assert (row["time"], row["machine"]) == ("not recorded", note)


def test_figures_are_those_of_the_registry(checkout):
    rows = {row["name"]: row for row in values(checkout)["figures"]}
    assert rows["tradeoff"] == {
        "name": "tradeoff",
        "number": "3",
        "title": rows["tradeoff"]["title"],
        "path": "figures/standard/tradeoff.png",
        "data": "tables/sweeps.csv",
    }
    assert rows["gallery"]["path"] == "figures/standard/gallery"
    assert rows["sheets"]["number"] == ""


def test_layers_with_another_number_of_units_are_named():
    assert per_layer(Choice("all")) == "all"
    other = {"vgg19": {"conv3_4": 16}, "resnet50": {"layer2.0": 12}}
    assert per_layer(Choice(32, other)) == "32, 16 in conv3_4, 12 in layer2.0"


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
        values(tmp_path)


def test_a_value_that_is_not_known_is_named_and_documents_kept(checkout, capsys):
    (checkout / "README.md").write_text("as it was")
    (checkout / "docs/claims.template.md").write_text("{{ velocity }}")
    assert main(checkout) == 2
    assert "velocity" in capsys.readouterr().err
    assert (checkout / "README.md").read_text() == "as it was"


def test_numbers_of_settings_are_shown_short(checkout):
    template = checkout / "docs/README.template.md"
    template.write_text("{{ criteria.C3.delta }}, {{ config.synthesis.fraction }}")
    assert render(checkout, template) == "2, 0.9"


def test_every_template_has_its_document(checkout, capsys):
    assert main(checkout) == 0
    assert "README.md" in capsys.readouterr().out
    assert (checkout / "README.md").read_text() == "standard: 40 units\n"
    assert (checkout / "docs/claims.md").read_text() == "C1\n"
