"""The atlas in a real browser, from file://. Skipped where there is no Chromium or no selenium."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from atlas_results import CHANNELS, NO_INDEX, SIZE, write_results
from PIL import Image

from diversevis.atlas.site import make_atlas
from diversevis.atlas.source import Source, best_tests
from diversevis.figures.style import to_picture

webdriver = pytest.importorskip("selenium.webdriver", reason="no selenium: make setup brings it")

from selenium.webdriver import ActionChains, Keys  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

AXE = "axe-core@4.14.1"
KINDS = {
    "start": "index.html",
    "network": "vgg19/index.html",
    "layer": "vgg19/conv3_1/index.html",
    "unit": "vgg19/conv3_1/187.html",
    "unit without an index": f"vgg19/conv3_1/{NO_INDEX}.html",
    "unit that nothing drives": "vgg19/conv3_1/21.html",
    "comparison": "comparison.html",
    "credits": "credits.html",
}
UNIT = KINDS["unit"]


def _command(*names: str) -> str | None:
    return next((path for name in names if (path := shutil.which(name))), None)


@pytest.fixture(scope="module")
def browser(tmp_path_factory) -> Iterator[Any]:
    """Chromium without a window."""
    chromium, driver = _command("chromium", "chromium-browser"), _command("chromedriver")
    if chromium is None or driver is None:
        pytest.skip("no Chromium with its driver: apt-get install chromium chromium-driver")
    options = webdriver.ChromeOptions()
    options.binary_location = chromium
    for argument in (
        *("--headless=new", "--no-sandbox", "--disable-gpu", "--force-color-profile=srgb"),
        *("--hide-scrollbars", "--force-device-scale-factor=1", "--disable-dev-shm-usage"),
        f"--user-data-dir={tmp_path_factory.mktemp('profile')}",
    ):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    service = webdriver.ChromeService(driver, env={**os.environ, "no_proxy": "*"})
    found = webdriver.Chrome(options, service)
    yield found
    found.quit()


class Tab:
    """A page that is open, and what one does on it."""

    def __init__(self, browser: Any, folder: Path) -> None:
        self.browser, self.folder = browser, folder

    def open(self, page: str, *, width: int = 1280, dark: bool = False) -> Tab:
        self.browser.execute_cdp_cmd(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False},
        )
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        still = {"name": "prefers-reduced-motion", "value": "reduce"}
        features = {"features": [scheme, still]}
        self.browser.execute_cdp_cmd("Emulation.setEmulatedMedia", features)
        self.browser.get("about:blank")  # else an address with another hash is not loaded anew
        self.browser.get(f"{self.folder.as_uri()}/{page}")
        return self

    def one(self, query: str) -> Any:
        return self.browser.find_element(By.CSS_SELECTOR, query)

    def all(self, query: str) -> list[Any]:
        return self.browser.find_elements(By.CSS_SELECTOR, query)

    def text(self, query: str) -> str:
        return self.one(query).get_attribute("textContent").strip()

    def run(self, script: str, *values: Any) -> Any:
        return self.browser.execute_script(f"return {script}", *values)

    def press(self, *keys: str) -> None:
        actions = ActionChains(self.browser, duration=0)
        for key in keys:
            actions.send_keys(key)
        actions.perform()

    @property
    def at(self) -> str:
        """The page, and what follows a hash."""
        return self.browser.current_url.removeprefix(f"{self.folder.as_uri()}/")

    def arrives(self, page: str) -> None:
        """Wait until a page is there, with its scripts; fail if it does not come."""
        self.settle(lambda: self.at == page)
        assert self.at == page

    def settle(self, there: Callable[[], bool]) -> None:
        """Wait, ten seconds at most, until something is so and the page is complete."""
        end = time.monotonic() + 10
        while time.monotonic() < end:
            if there() and self.run("document.readyState") == "complete":
                return
            time.sleep(0.02)

    def picture(self, query: str) -> np.ndarray:
        """Return what is to be seen of an element, ``[h, w, 3]``."""
        element = self.one(query)
        self.run("arguments[0].scrollIntoView({block: 'center'})", element)
        return np.asarray(Image.open(io.BytesIO(element.screenshot_as_png)).convert("RGB"))


@pytest.fixture
def tab(browser, atlas) -> Iterator[Tab]:
    yield Tab(browser, atlas)
    said = [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert not said


@pytest.mark.parametrize("kind", KINDS)
def test_every_kind_of_page_opens_with_all_its_pictures_at_every_width(tab, kind):
    for width in (360, 1280, 2560):
        tab.open(KINDS[kind], width=width)
        assert tab.text("h1")
        assert tab.run("document.documentElement.scrollWidth") <= width
        broken = "[...document.images].filter((i) => i.complete && !i.naturalWidth && i.src)"
        assert tab.run(f"{broken}.map((i) => i.src)") == []


def test_nothing_moves_after_the_page_is_drawn(tab):
    for page in (UNIT, KINDS["layer"], KINDS["comparison"]):
        tab.open(page)
        tab.run(
            "(window.moved = 0, new PerformanceObserver((list) => list.getEntries().forEach("
            "(entry) => { window.moved += entry.value; }))"
            ".observe({type: 'layout-shift', buffered: true}))"
        )
        time.sleep(0.1)
        # Chromium's own measure; up to 0.1 counts as good.
        assert tab.run("window.moved") < 0.02, page


def _arrays(results: Path) -> tuple[Any, Any, int]:
    seeds = Source.of(results).arrays("vgg19", "conv3_1").seeds
    return best_tests(seeds, 187)["all-shifts", None]


def _shown(tab: Tab) -> tuple[int, int, str, float]:
    row, column = (int(tab.one("[data-touch]").get_attribute(f"data-{way}")) for way in "yx")
    return row, column, tab.text(".contrast"), float(tab.text(".response"))


def _check(tab: Tab, results: Path) -> tuple[int, int]:
    """Assert that crop and numbers are those of the arrays; return the corner."""
    _, tests, place = _arrays(results)
    row, column, contrast, response = _shown(tab)
    (member,) = np.nonzero((tests.members == (row, column)).all(1))[0]
    assert contrast == f"{tests.contrasts[place, member]:.2f}"
    assert response == pytest.approx(float(tests.responses[place, member]), rel=0.005)
    seen = tab.picture(".crop")
    each = len(seen) // SIZE
    middle = seen[each // 2 :: each, each // 2 :: each][:SIZE, :SIZE]
    canvas = to_picture(tests.canvases[place])
    assert np.array_equal(middle, canvas[row : row + SIZE, column : column + SIZE])
    return row, column


def test_dragging_the_frame_changes_crop_and_number_to_those_of_the_arrays(tab, results):
    tab.open(UNIT)
    begin = _check(tab, results)
    frame, each = tab.one(".frame"), tab.one(".ground").rect["width"] / (2 * SIZE - 1)
    for row, column in ((0, 0), (SIZE - 2, SIZE - 2), (3, 5)):
        by = [round(each * (to - at)) for to, at in zip((column, row), begin[::-1], strict=True)]
        ActionChains(tab.browser, duration=20).drag_and_drop_by_offset(frame, *by).perform()
        begin = _check(tab, results)
        assert begin == (row, column)


def test_the_frame_goes_by_arrow_keys_and_to_where_the_map_is_clicked(tab, results):
    tab.open(UNIT)
    tab.run("document.querySelector('.frame').focus()")
    tab.press(Keys.HOME, Keys.ARROW_RIGHT, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    assert _check(tab, results) == (1, 2)
    tab.press(Keys.ARROW_UP, Keys.ARROW_UP)  # no further than the rim
    ActionChains(tab.browser, duration=0).key_down(Keys.SHIFT).send_keys(Keys.ARROW_DOWN).key_up(
        Keys.SHIFT
    ).perform()
    assert _check(tab, results) == (5, 2)
    assert tab.one(".frame").get_attribute("aria-valuenow") == str(5 * (SIZE - 1) + 2)
    walk = tab.one(".walk")
    each = walk.rect["width"] / (SIZE - 1)
    by = [round(each * (at + 0.5) - walk.rect["width"] / 2) for at in (7, 1)]
    ActionChains(tab.browser, duration=0).move_to_element_with_offset(walk, *by).click().perform()
    assert _check(tab, results) == (1, 7)


def test_the_map_is_painted_with_the_contrasts(tab, results):
    tab.open(UNIT)
    _, tests, place = _arrays(results)
    most, least = (tests.members[pick(tests.contrasts[place])] for pick in (np.argmax, np.argmin))
    pixel = "[...document.querySelector('.map').getContext('2d').getImageData({1}, {0}, 1, 1).data]"
    bright, dark = (sum(tab.run(pixel.format(*at))[:3]) for at in (most, least))
    assert bright > dark
    tab.run("document.querySelector('.fade').click()")
    faded = tab.picture(".crop")
    assert np.abs(faded[:, 0].astype(int) - 128).max() <= 3  # the mask is zero there
    tab.run("document.querySelector('.fade').click()")


def test_members_are_stepped_through_and_strengths_chosen(tab):
    tab.open(UNIT)
    values = [e.get_attribute("data-value") for e in tab.all(".strength:not([hidden]) .member")]
    part = ".family .strength:not([hidden])"
    assert tab.text(f"{part} output") == values[0]
    tab.run(f"document.querySelector('{part} .on').click()")
    assert tab.text(f"{part} output") == values[1]
    for _ in range(2):
        tab.run(f"document.querySelector('{part} .back').click()")
    assert tab.text(f"{part} output") == values[3]
    assert [e.get_attribute("aria-pressed") for e in tab.all(f"{part} .member")][3] == "true"
    tab.run("document.querySelector('.family input[type=radio]').click()")
    shown = [not e.get_attribute("hidden") for e in tab.all(".family:nth-of-type(3) .strength")]
    assert shown == [True, False]


def test_the_slider_goes_from_restarts_to_very_diverse(tab, results):
    tab.open(UNIT)
    assert "this set is chosen" in tab.text(".level")
    slider = tab.one("#level")
    tab.run("arguments[0].focus()", slider)
    tab.press(Keys.ARROW_RIGHT)
    assert "relative diversity 1:" in tab.text(".level")
    assert "smallest distance 4.00" in tab.text(".level")
    levels = Source.of(results).arrays("vgg19", "conv3_1").sweep.levels
    seen = tab.picture(".sweep .cell")
    each = len(seen) // SIZE
    middle = seen[each // 2 :: each, each // 2 :: each][:SIZE, :SIZE]
    assert np.array_equal(middle, to_picture(levels[2].images[CHANNELS.index(187), 0]))
    tab.press(Keys.HOME)
    assert tab.text(".level").startswith("restarts:")


def test_keys_lead_from_unit_to_unit_up_and_to_the_search(tab):
    tab.open("vgg19/conv3_1/8.html")
    tab.press("j")
    tab.arrives("vgg19/conv3_1/21.html")
    tab.press("k")
    tab.arrives("vgg19/conv3_1/8.html")
    tab.press("?")
    assert tab.run("document.querySelector('#keys').open")
    tab.press(Keys.ESCAPE)
    assert not tab.run("document.querySelector('#keys').open")
    tab.press("/")
    assert tab.run("document.activeElement.id") == "search"
    tab.press("layer1.0/18")
    assert tab.text("#found li[aria-selected='true']") == "resnet50/layer1.0/187"
    tab.press(Keys.ENTER)
    tab.arrives("resnet50/layer1.0/187.html")
    for page in ("resnet50/layer1.0/index.html", "resnet50/index.html", "index.html"):
        tab.press("u")
        tab.arrives(page)
    tab.press("r")
    tab.settle(lambda: tab.at != "index.html")
    assert tab.run("document.documentElement.dataset.page") == "unit"


def test_the_wall_is_sorted_and_filtered_and_its_state_stands_in_the_address(tab, results):
    tab.open(KINDS["layer"])
    units = pd.read_csv(results / "tables/units.csv").query("layer == 'conv3_1'")

    def wall() -> list[int]:
        return [int(item.get_attribute("data-channel")) for item in tab.all("#wall li")]

    def choose(name: str, value: str) -> None:
        tab.run(
            "(arguments[0].value = arguments[1], "
            "arguments[0].dispatchEvent(new Event('input', {bubbles: true})))",
            tab.one(f"[name='{name}']"),
            value,
        )

    assert wall() == CHANNELS
    choose("sort", "phase_index")
    by_index = units.sort_values("phase_index", ascending=False, na_position="last")
    assert wall() == by_index.channel.tolist()
    assert "sort=phase_index" in tab.at
    choose("order", "up")
    assert wall() == units.sort_values("phase_index", na_position="last").channel.tolist()
    choose("phase_index.min", "0.5")
    kept = units[units.phase_index >= 0.5].sort_values("phase_index").channel.tolist()
    assert wall() == kept
    assert tab.text("#count") == f"{len(kept)} of 4 units"
    choose("kind", "phase")
    assert wall() == [187]
    address = tab.at
    tab.browser.back()
    assert wall() == kept
    tab.browser.forward()
    assert wall() == [187]
    tab.open(address)
    assert wall() == [187]
    assert tab.one("[name='phase_index.min']").get_attribute("value") == "0.5"
    choose("phase_index.min", "x")
    assert tab.one("[name='phase_index.min']").get_attribute("aria-invalid") == "true"
    tab.run("document.querySelector('#filters button').click()")
    time.sleep(0.05)
    assert wall() == CHANNELS
    assert "#" not in tab.at


def test_a_unit_of_the_wall_is_a_link_and_the_way_back_keeps_what_was_chosen(tab):
    tab.open(f"{KINDS['layer']}#sort=phase_index&kind=phase")
    tab.run("document.querySelector('#wall a').click()")
    tab.arrives(UNIT)
    tab.browser.back()
    tab.arrives(f"{KINDS['layer']}#sort=phase_index&kind=phase")
    assert len(tab.all("#wall li")) == 1


def test_the_scatter_has_a_link_for_every_unit_that_has_both_numbers(tab, results):
    tab.open(KINDS["comparison"])
    units = pd.read_csv(results / "tables/units.csv")
    both = units.dropna(subset=["phase_index", "deformation_index_2"])
    assert len(tab.all("#plot a")) == len(both)
    assert len(tab.all("#plot a rect")) == (both.network == "resnet50").sum()
    tab.run("document.querySelector('#plot svg').focus()")
    tab.press(Keys.ARROW_RIGHT, Keys.ARROW_RIGHT)
    second = both.sort_values("phase_index").iloc[1]
    assert f"{second['layer']}, {second.channel}:" in tab.text("#said")
    assert tab.run("document.querySelector('#tip img').src").endswith(f"{second.channel}.png")
    tab.press(Keys.ENTER)
    tab.arrives(f"{second.network}/{second['layer']}/{second.channel}.html")
    tab.browser.back()
    tab.open(f"{KINDS['comparison']}#x=shift_index_2&y=f1_f0&layer=2")
    few = units[(units.network == "resnet50")].dropna(subset=["shift_index_2", "f1_f0"])
    assert len(tab.all("#plot a")) == len(few)


def test_the_start_page_moves_unless_one_asked_for_less(tab, browser):
    tab.open(KINDS["start"])
    place = "JSON.stringify(document.querySelector('[data-live]').dataset)"
    before = tab.run(place)
    time.sleep(0.3)
    assert tab.run(place) == before
    tab.run("document.querySelector('.pause').click()")
    time.sleep(0.6)
    assert tab.run(place) != before
    tab.run("document.querySelector('.pause').click()")
    assert tab.text(".pause") == "Move"


def test_a_unit_without_an_index_says_so(tab):
    tab.open(KINDS["unit without an index"])
    row = next(row for row in tab.all("tbody tr") if "shift" in row.text)
    assert row.text.split()[-3] == "\N{EN DASH}"
    tab.open(KINDS["unit that nothing drives"])
    assert "It has no index" in tab.text(".lead")
    assert tab.text(".contrast") == "\N{EN DASH}"


def test_an_atlas_of_one_network_whose_arrays_are_missing(browser, tmp_path):
    root = write_results(tmp_path / "tiny", {"net<b>": ["lay&er"]})
    for name in ("tests", "sweeps", "natural"):
        shutil.rmtree(root / name)
    make_atlas(root, tmp_path / "atlas")
    tab = Tab(browser, tmp_path / "atlas").open("index.html")
    assert tab.text("h2#where") == "1 network"
    tab.run("document.querySelector('.card h3 a').click()")
    assert tab.text("h1") == "net<b>"
    tab.run("document.querySelector('.card h2 a').click()")
    assert tab.text("h1") == "net<b> lay&er"
    assert len(tab.all("#wall li")) == 4
    tab.run("document.querySelector('#wall a').click()")
    assert "make reproduce SCALE=tiny" in tab.text(".absent")
    assert not tab.all("main img")
    assert not [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


@pytest.fixture(scope="module")
def axe(tmp_path_factory) -> str:
    """axe-core, from npm."""
    npm, folder = _command("npm"), tmp_path_factory.mktemp("axe")
    if npm is None:
        pytest.skip("no npm, which brings axe-core")
    try:
        command = [npm, "install", "--no-audit", "--no-fund", "--ignore-scripts", AXE]
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=60)
    except (OSError, subprocess.SubprocessError) as error:
        pytest.skip(f"npm does not bring {AXE}: {type(error).__name__}")
    return (folder / "node_modules/axe-core/axe.min.js").read_text(encoding="utf-8")


def _violations(tab: Tab, axe: str, kinds: Iterable[str], *, dark: bool, rules: str = "") -> Any:
    """Return what axe finds on kinds of pages, with some of the elements: all rules, or some."""
    found = {}
    for kind in kinds:
        tab.open(KINDS[kind], dark=dark)
        tab.browser.execute_script(axe)
        result = tab.browser.execute_async_script(
            "const done = arguments[0]; axe.run("
            "{preload: false, resultTypes: ['violations']" + rules + "}).then("
            "(r) => done(r.violations.map((v) => [v.id, v.nodes.slice(0, 3).map((n) => n.html)])))"
        )
        if result:
            found[kind] = result
    return found


def test_axe_finds_nothing(tab, axe):
    found = _violations(tab, axe, KINDS, dark=False)
    assert not found, json.dumps(found, indent=1)


def test_axe_finds_enough_contrast_on_dark_pages(tab, axe):
    kinds = ("start", "layer", "unit", "comparison")
    found = _violations(tab, axe, kinds, dark=True, rules=", runOnly: ['color-contrast']")
    assert not found, json.dumps(found, indent=1)
