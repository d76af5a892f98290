"""Theme, numbers, pictures and files."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np
import pytest
from figure_contents import colours_of

from diversevis.errors import UserError
from diversevis.figures import style
from diversevis.figures.gallery import draw


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (55.284, "55.3"),
        (7.0, "7.00"),
        (143.7, "144"),
        (99.96, "100"),
        (1234.5, "1234"),
        (0.0892, "0.089"),
        (-0.043, "\N{MINUS SIGN}0.043"),
        (0.0, "0"),
        (np.nan, "\N{EN DASH}"),
    ],
)
def test_numbers_have_three_digits(value, text):
    assert style.number(value) == text


def test_shares_are_percentages():
    assert [style.percent(0.9), style.percent(0.925)] == ["90 %", "92.5 %"]


def test_networks_have_titles_and_colours(tmp_path):
    (tmp_path / "networks.csv").write_text("name,title,licence\nmine,My net,MIT\n")
    with style.titles(style.read_titles(tmp_path / "networks.csv")):
        assert style.network_title("mine") == "My net"
        assert style.network_title("analytic") == "analytic"
    assert style.network_title("mine") == "mine"
    for name in ("vgg19-torchvision", "vgg19+he.1", "vgg19-torchvision+he"):
        assert style.network_colour("vgg19") == style.network_colour(name)
    assert style.network_colour("vgg19") != style.network_colour("resnet50")


def test_theme_leaves_no_trace(make_layer, tmp_path):
    before = dict(mpl.rcParams)
    with style.theme():
        assert mpl.rcParams["pdf.fonttype"] == 42
    style.save(draw([make_layer(1)]), tmp_path / "a.png", tmp_path / "a.pdf")
    assert dict(mpl.rcParams) == before


def test_theme_does_not_depend_on_the_users_settings(make_layer, tmp_path):
    style.save(draw([make_layer(1)]), tmp_path / "plain.png")
    with mpl.rc_context({"font.size": 20, "axes.facecolor": "black", "savefig.dpi": 10}):
        style.save(draw([make_layer(1)]), tmp_path / "odd.png")
    assert (tmp_path / "odd.png").read_bytes() == (tmp_path / "plain.png").read_bytes()


def test_pictures_are_rounded_to_even_and_clipped():
    patch = np.array([-200, -128, -0.5, 0.5, 1.5, 127.4, 200], np.float32).reshape(1, 1, 7)
    picture = style.to_picture(patch.repeat(3, 0))
    assert picture.dtype == np.uint8
    assert picture.shape == (1, 7, 3)
    assert picture[0, :, 0].tolist() == [0, 0, 128, 128, 130, 255, 255]


def test_patches_are_shown_as_they_are():
    figure, page = style.new_page(20, 40)
    patch = np.zeros((1, 3, 2, 2), np.float32)
    patch[0, 0, 0, 1], patch[0, 2, 1, 0] = 1000, -28  # clipped red, a little less blue
    style.show_patches(page, patch, 3, 4, 10)
    (image,) = page.images
    assert image.get_extent() == [3, 13, 14, 4]
    assert image.get_interpolation() == "none"
    counts = colours_of(image)
    assert set(counts) == {(128, 128, 128), (255, 128, 128), (128, 128, 100)}
    # Whole pixels only, each as large as the others.
    assert counts[128, 128, 128] == 2 * counts[255, 128, 128] == 2 * counts[128, 128, 100]
    top, bottom = image.get_array()[0], image.get_array()[-1]
    assert top[-1].tolist() == [255, 128, 128]
    assert bottom[0].tolist() == [128, 128, 100]
    assert figure.get_size_inches() * 25.4 == pytest.approx([40, 20])


def test_reduced_colours_stay_close():
    patches = np.random.default_rng(0).normal(0, 40, (6, 3, 24, 24)).astype(np.float32)
    exact, reduced = (style.new_page(50)[1] for _ in range(2))
    style.show_patches(exact, patches, 0, 0, 10)
    style.show_patches(reduced, patches, 0, 0, 10, colours=256)
    colours = set().union(*(colours_of(image) for image in reduced.images))
    assert len(colours) <= 256
    for one, other in zip(exact.images, reduced.images, strict=True):
        difference = np.abs(one.get_array().astype(int) - other.get_array().astype(int))
        assert difference.mean() < 13  # octrees cut noise, the worst case, into steps of 32


def test_rows_of_patches_wrap():
    _, page = style.new_page(50)
    style.show_patches(page, np.zeros((5, 3, 2, 2)), 0, 0, 10, gap=1, per_row=3)
    corners = [(image.get_extent()[0], image.get_extent()[3]) for image in page.images]
    assert corners == [(0, 0), (11, 0), (22, 0), (0, 11), (11, 11)]


@pytest.mark.parametrize(
    ("count", "lengths"), [(0, []), (1, [1]), (5, [5]), (6, [3, 3]), (9, [5, 4]), (11, [4, 4, 3])]
)
def test_lines_are_as_few_and_as_equal_as_can_be(count, lengths):
    lines = style.lines_of(list(range(count)), 5)
    assert [len(line) for line in lines] == lengths
    assert [name for line in lines for name in line] == list(range(count))


@pytest.mark.parametrize(
    ("count", "most", "places"),
    [(0, 3, []), (2, 3, [0, 1]), (6, 6, [0, 1, 2, 3, 4, 5]), (9, 3, [0, 4, 8]), (5, 1, [0])],
)
def test_evenly_spaced_places(count, most, places):
    assert style.evenly(count, most) == places


def test_notes_move_into_narrow_panels():
    _, page = style.new_page(50)
    style.panel_title(page, 0, 10, 60, "VGG-19 conv3_1", "256 units")
    style.panel_title(page, 0, 10, 28, "VGG-19 conv3_1", "256 units")
    heights = [text.get_position()[1] for text in page.texts if text.get_text() == "256 units"]
    assert heights == [8, 12.2]


def test_strips_have_the_pages_scale():
    figure, page = style.new_page(100)
    axes = style.strip(figure, 20, 10, 30, 60)
    at = axes.transData.transform((0, 37))[1]
    assert at == pytest.approx(page.transData.transform((0, 37))[1])


def test_pages_of_one_pdf(make_layer, tmp_path):
    for name in ("one", "two"):
        style.save_pages((draw([make_layer(1)]) for _ in range(3)), tmp_path / f"{name}.pdf")
    pdf = (tmp_path / "one.pdf").read_bytes()
    assert pdf == (tmp_path / "two.pdf").read_bytes()
    assert pdf.count(b"/Type /Page ") + pdf.count(b"/Type /Page\n") == 3
    assert b"CreationDate" not in pdf


def test_equal_figures_are_equal_files(make_layer, tmp_path):
    for name in ("one", "two"):
        style.save(draw([make_layer(2)]), tmp_path / f"{name}.png", tmp_path / f"{name}.pdf")
    for suffix, start in (("png", b"\x89PNG"), ("pdf", b"%PDF")):
        one, two = ((tmp_path / f"{name}.{suffix}").read_bytes() for name in ("one", "two"))
        assert one == two
        assert one.startswith(start)
        assert len(one) > 5000
    pdf = (tmp_path / "one.pdf").read_bytes()
    assert b"CreationDate" not in pdf
    assert b"FontFile2" in pdf  # TrueType, embedded
    assert b"/Type3" not in pdf


def test_long_figures_keep_within_what_can_be_drawn():
    figure, _ = style.new_page(5000, 20)  # at 300 dpi 59,055 pixels
    assert style.dots_per_inch(figure) * 5000 / 25.4 == pytest.approx(30_000)
    assert style.dots_per_inch(style.new_page(200)[0]) == 300


def test_failed_save_leaves_the_old_file(tmp_path, monkeypatch):
    path = tmp_path / "a.png"
    path.write_bytes(b"old")
    figure, _ = style.new_page(10, 10)
    monkeypatch.setattr(
        figure, "savefig", lambda *a, **k: (_ for _ in ()).throw(OSError(28, "No space left"))
    )
    with pytest.raises(UserError, match="No space left"):
        style.save(figure, path)
    assert [p.name for p in tmp_path.iterdir()] == ["a.png"]
    assert path.read_bytes() == b"old"


def test_networks_that_are_not_built_in_differ_in_colour():
    with style.titles({"vgg19": "VGG-19", "v1": "V1", "v1+he": "null", "timm:resnet26": "mine"}):
        found = [style.network_colour(name) for name in ("vgg19", "v1", "timm:resnet26")]
        assert style.network_colour("v1+he") == found[1]
    assert len(set(found)) == 3
