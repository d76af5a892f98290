"""The whole folder: what is in it, that it holds together, and what is refused."""

from __future__ import annotations

import io
import json
import re
import shutil
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import numpy as np
import pandas as pd
import pytest
from atlas_results import CHANNELS, DELTAS, NO_INDEX, PLACES, SIZE, write_results
from PIL import Image

from diversevis.atlas.pictures import png
from diversevis.atlas.site import make_atlas
from diversevis.atlas.source import Source, best_tests
from diversevis.errors import UserError
from diversevis.figures.style import to_picture
from diversevis.results.formats import write_arrays


class Links(HTMLParser):
    """What a page refers to, and its numbers of openings and endings."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.ids: list[str] = []
        self.feed(text)
        self.found |= set(re.findall(r"url\('([^']*)'\)", text))
        self.found |= set(re.findall(r'data-sheet="([^"]*)"', text))

    def handle_starttag(self, _tag, attrs):
        self.found |= {value for name, value in attrs if name in ("href", "src") and value}
        self.ids += [value for name, value in attrs if name == "id"]


def pages(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.html"))


def check_links(page: Path) -> None:
    """Assert that all that a page refers to is there, in the folder; credits may lead out of it."""
    parsed = Links(page.read_text(encoding="utf-8"))
    assert len(parsed.ids) == len(set(parsed.ids)), page
    for link in parsed.found - {"#", "data:,"}:
        parts = urlsplit(link)
        if parts.scheme:
            assert page.name == "credits.html", (page, link)
            continue
        assert not parts.path or (page.parent / unquote(parts.path)).is_file(), (page, link)
        assert not parts.fragment or parts.fragment in parsed.ids, (page, link)


def test_every_unit_layer_and_network_has_an_address(atlas):
    wanted = {"index.html", "comparison.html", "credits.html"}
    for network, layers in PLACES.items():
        wanted.add(f"{network}/index.html")
        for layer in layers:
            names = ["index", *CHANNELS]
            wanted |= {f"{network}/{layer}/{name}.html" for name in names}
    assert {page.relative_to(atlas).as_posix() for page in pages(atlas)} == wanted


def test_every_link_leads_somewhere_in_the_folder_and_nothing_is_loaded_from_elsewhere(atlas):
    for page in pages(atlas):
        check_links(page)
    for script in atlas.glob("_atlas/*.[jc]s*"):
        used = re.sub("http://www.w3.org/2000/svg", "", script.read_text(encoding="utf-8"))
        assert "http" not in used


def test_pictures_are_the_arrays_to_the_grey_level(atlas, results):
    arrays = Source.of(results).arrays("vgg19", "conv3_1")
    sweep, channel, place = arrays.sweep, 187, CHANNELS.index(187)
    sheet = np.asarray(Image.open(atlas / "vgg19/conv3_1/187.sets.png"))
    restarts, chosen = sweep.levels[0].images[place], sweep.levels[1].images[place]
    wanted = to_picture(np.stack([*restarts, *chosen, arrays.natural.best[channel]]))
    for at, picture in enumerate(wanted):
        row, column = divmod(at, len(restarts))
        cell = sheet[row * SIZE :, column * SIZE :][:SIZE, :SIZE]
        assert np.array_equal(cell, picture), at
    every = np.asarray(Image.open(atlas / "vgg19/conv3_1/187.sweep.png"))
    assert np.array_equal(every[2 * SIZE :, :SIZE], to_picture(sweep.levels[2].images[place, 0]))
    _, tests, unit = best_tests(arrays.seeds, channel)["all-shifts", None]
    canvas = np.asarray(Image.open(atlas / "vgg19/conv3_1/187.canvas.png"))
    assert np.array_equal(canvas, to_picture(tests.canvases[unit]))


def test_downloads_hold_the_numbers(atlas, results):
    stem = atlas / "vgg19/conv3_1/187"
    units = pd.read_csv(results / "tables/units.csv").set_index(["network", "layer", "channel"])
    row = units.loc[("vgg19", "conv3_1", 187)]
    content = json.loads(stem.with_suffix(".json").read_text())
    assert content["numbers"]["phase_index"] == row.phase_index
    assert content["numbers"]["shift_index_2"] == row.shift_index_2
    assert content["network"]["weights_sha256"] == 64 * "a"
    assert (content["scale"], content["channel"]) == ("tiny", 187)
    assert len(content["tests"]["rows"]) > 20
    assert len(pd.read_csv(stem.with_suffix(".csv"))) == len(content["tests"]["rows"]) / 2
    missing = json.loads((atlas / f"vgg19/conv3_1/{NO_INDEX}.json").read_text())
    assert missing["numbers"]["shift_index_2"] is None
    arrays = Source.of(results).arrays("vgg19", "conv3_1")
    with np.load(stem.with_suffix(".npz")) as found:
        assert set(found) == {"best", "canvas", "diverse", "natural", "restarts"}
        # Half precision: eleven bits, of values up to 256.
        exact = arrays.sweep.levels[0].images[CHANNELS.index(187)]
        assert np.abs(found["restarts"] - exact).max() <= 256 / 2**12


def test_the_numbers_under_the_frame_are_those_of_the_arrays(atlas, results):
    text = (atlas / "vgg19/conv3_1/187.html").read_text()
    data = json.loads(re.search(r'application/json">(\{"size".*?)</script>', text).group(1))
    seeds = Source.of(results).arrays("vgg19", "conv3_1").seeds
    of_seed, tests, place = best_tests(seeds, 187)["all-shifts", None]
    means = [s.families[0].contrasts[place].mean() for s in seeds]
    assert of_seed.seed == int(np.argmax(means))
    corners = tests.members.astype(int)
    at = corners[:, 0] * (SIZE - 1) + corners[:, 1]
    # As far as they are written: three decimals, of which half of the last may be lost.
    assert np.abs(np.array(data["contrasts"])[at] - tests.contrasts[place]).max() <= 0.0005 + 1e-9
    assert (
        np.abs(np.array(data["linear"])[at] - tests.surrogate_responses[place]).max()
        <= 0.0005 + 1e-9
    )
    relative = np.array(data["responses"])[at] / tests.responses[place] - 1
    assert np.abs(relative).max() < 0.005
    assert data["contrasts"][data["start"][0] * (SIZE - 1) + data["start"][1]] == max(
        data["contrasts"]
    )


def test_pages_say_what_the_unit_is_and_what_is_not_known(atlas):
    def text(channel):
        return (atlas / f"vgg19/conv3_1/{channel}.html").read_text()

    assert "it is near perfectly phase invariant" in text(187)
    assert "picked by hand" in text(3)
    assert "It has no index: no patch drives it above zero." in text(21)
    assert "over shifts" in text(187)
    assert "over shifts" not in text(NO_INDEX)


def test_claims_name_the_units_that_carry_them(atlas):
    text = (atlas / "comparison.html").read_text()
    carried = re.findall(r"Carried by (.*?)</p>", text, re.S)
    # Of VGG-19 alone, of which the claim speaks: one unit of either layer.
    assert len(carried) == 2
    for one in carried:
        assert re.findall(r'href="([^"]*)"', one) == [
            "vgg19/conv3_1/187.html",
            "vgg19/conv3_2/187.html",
        ]


def test_two_atlases_of_the_same_results_are_equal_and_arrays_can_be_left_out(results, tmp_path):
    made = make_atlas(results, tmp_path / "one")
    again = make_atlas(results, tmp_path / "one")
    assert made == again
    few = make_atlas(results, tmp_path / "two", arrays=False)
    one, two = (
        {p.name: p.read_bytes() for p in (tmp_path / n).rglob("*.json")} for n in ["one", "two"]
    )
    assert one["187.json"] == two["187.json"]
    assert few.files == made.files - 12
    assert not list((tmp_path / "two").rglob("*.npz"))
    assert "187.npz" not in (tmp_path / "two/vgg19/conv3_1/187.html").read_text()
    assert not list(tmp_path.glob(".unfinished*"))


def test_missing_arrays_are_named_with_what_makes_them(tmp_path):
    root = write_results(tmp_path / "tiny", {"vgg19": ["conv3_1"]})
    for name in ("tests/vgg19/conv3_1/seed-0", "tests/vgg19/conv3_1/seed-1", "natural", "sweeps"):
        shutil.rmtree(root / name)
    made = make_atlas(root, tmp_path / "atlas")
    assert len(made.missing) == 4
    folder = tmp_path / "atlas/vgg19/conv3_1"
    text = (folder / "187.html").read_text()
    assert text.count("make reproduce SCALE=tiny") >= 3
    for name in ("sweep.npz", "natural.npz", "tests.npz"):
        assert name in text
    assert not list(folder.glob("*.png"))
    for page in pages(tmp_path / "atlas"):
        links = Links(page.read_text()).found
        assert not [link for link in links if link.endswith(".png")], page


def test_names_are_escaped_in_texts_addresses_and_scripts(tmp_path):
    layer = "a<b>&\"'#%?;</script><script>alert(1)</script>".replace("/", "\\")
    root = write_results(tmp_path / "tiny", {"ne<i>t": [layer]})
    make_atlas(root, tmp_path / "atlas")
    found = pages(tmp_path / "atlas")
    assert len(found) == 3 + 1 + 1 + 4
    for page in found:
        text = page.read_text()
        assert "<b>&" not in text
        assert "<i>t" not in text
        assert "alert(1)<" not in text
        check_links(page)
    assert "<" not in (tmp_path / "atlas/_atlas/names.js").read_text()
    assert "<" not in (tmp_path / "atlas/_atlas/units.js").read_text()


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda root: shutil.rmtree(root / "tables"), "tables/units.csv"),
        (lambda root: (root / "tables/units.csv").write_text("network,layer\n"), "channel"),
        (lambda root: (root / "tables/units.csv").write_text(""), "EmptyDataError"),
        (lambda root: (root / "tables/networks.csv").unlink(), "networks.csv"),
        (lambda root: (root / "tables/quantities.csv").write_text("name\nx\n"), "KeyError"),
        (
            lambda root: write_arrays(
                root / "sweeps/vgg19/conv3_1/sweep.npz", "tests", {}, {"network": "vgg19"}
            ),
            "sweep results of version",
        ),
        (
            lambda root: (root / "tests/vgg19/conv3_1/seed-1/tests.npz").write_bytes(b"PK"),
            "tests results of version",
        ),
        (
            lambda root: np.savez(root / "natural/vgg19/conv3_1/natural.npz", best=np.zeros(3)),
            "natural results of version",
        ),
    ],
)
def test_what_are_no_results_is_refused_and_leaves_nothing(spoil, said, tmp_path):
    root = write_results(tmp_path / "tiny", {"vgg19": ["conv3_1"]})
    spoil(root)
    with pytest.raises(UserError, match=re.escape(said)):
        make_atlas(root, tmp_path / "atlas")
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


def test_results_of_another_version_are_refused(tmp_path):
    root = write_results(tmp_path / "tiny", {"vgg19": ["conv3_1"]})
    path = root / "sweeps/vgg19/conv3_1/sweep.npz"
    with np.load(path) as file:
        arrays = dict(file)
    about = json.loads(str(arrays["about"])) | {"version": 2}
    np.savez(path, **(arrays | {"about": np.array(json.dumps(about))}))
    with pytest.raises(UserError, match="sweep of version 2"):
        make_atlas(root, tmp_path / "atlas")


def test_a_folder_that_holds_something_else_is_left_alone(results, tmp_path):
    out = tmp_path / "mine"
    out.mkdir()
    (out / "letter.txt").write_text("dear")
    with pytest.raises(UserError, match=r"letter\.txt"):
        make_atlas(results, out)
    assert [path.name for path in out.iterdir()] == ["letter.txt"]
    (out / "letter.txt").rename(tmp_path / "letter.txt")
    make_atlas(results, out)  # an empty folder will do
    (out / "vgg19/notes.txt").write_text("mine")
    with pytest.raises(UserError, match=r"vgg19/notes\.txt"):
        make_atlas(results, out)
    with pytest.raises(UserError, match="no folder"):
        make_atlas(results, tmp_path / "letter.txt")


def test_an_atlas_of_another_scale_is_refused_and_both_are_named(results, tmp_path):
    make_atlas(results, tmp_path / "atlas")
    other = write_results(tmp_path / "other", {"vgg19": ["conv3_1"]})
    with pytest.raises(UserError, match=r"(?s)atlas of other.*atlas of tiny"):
        make_atlas(other, tmp_path / "atlas")


def test_a_unit_that_arrays_do_not_have_gets_a_page_that_says_so(tmp_path):
    root = write_results(tmp_path / "tiny", {"vgg19": ["conv3_1"]})
    table = pd.read_csv(root / "tables/units.csv")
    extra = table.iloc[[0]].assign(channel=999)
    pd.concat([table, extra]).to_csv(root / "tables/units.csv", index=False)
    make_atlas(root, tmp_path / "atlas")
    assert "make reproduce" in (tmp_path / "atlas/vgg19/conv3_1/999.html").read_text()
    for page in pages(tmp_path / "atlas"):
        check_links(page)


def test_small_pages(atlas):
    """Half of what a page of the largest layers may have: patches here are a fifth of theirs."""
    for page in pages(atlas):
        assert page.stat().st_size < 150_000, page


def test_a_picture_survives_its_file():
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    assert np.array_equal(np.asarray(Image.open(io.BytesIO(png(picture)))), picture)


def test_strengths_of_families_are_all_there(atlas):
    text = (atlas / "vgg19/conv3_1/187.html").read_text()
    assert text.count('class="strength"') == 2 * len(DELTAS)
