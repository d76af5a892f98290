"""What is wrong with the links of a site: `python docs/site/links.py build/site`."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

_COMMENT = re.compile(r"/\*.*?\*/|^\s*//.*?$", re.DOTALL | re.MULTILINE)
_HOST = re.compile(r"//[\w-]+\.[\w.-]+")
_NAME_OF_SVG = "http://www.w3.org/2000/svg"  # pictures in styles name it; it is not fetched


class Page(HTMLParser):
    """A page's anchors, its links, and all from which a browser could load something.

    Attributes
    ----------
    anchors : set of str
        What can stand after ``#``.
    links : list of str
        What a reader can click.
    loads : list of str
        Other attributes.
    code : list of str
        Scripts and styles.
    """

    def __init__(self, text: str) -> None:
        super().__init__()
        self.anchors: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.code: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Sort the attributes of an element."""
        for name, value in attrs:
            if name == "id" or (tag, name) == ("a", "name"):
                self.anchors.add(value or "")
            elif (tag, name) == ("a", "href"):
                self.links.append(value or "")
            elif name not in ("alt", "title") and not name.startswith("xmlns"):
                self.loads.append(value or "")

    def handle_data(self, data: str) -> None:
        """Note scripts and styles; other text loads nothing."""
        if self.cdata_elem:
            self.code.append(data)


def problems(site: Path) -> Iterator[str]:
    """Yield links of a site that lead nowhere, and hosts that its files load something from.

    Pages of an atlas may be linked, and are left to its own tests.
    """
    site = site.resolve()
    read = cache(lambda file: Page(file.read_text(encoding="utf-8")))
    for path in sorted(site.rglob("*")):
        name = path.relative_to(site)
        if name.parts[0] == "atlas":
            continue
        loads, code = [], []
        if path.suffix == ".html":
            yield from (f"{name}: {wrong}" for wrong in _lost(path, site, read))
            loads, code = read(path).loads, read(path).code
        elif path.suffix in (".css", ".js"):
            code = [path.read_text(encoding="utf-8")]
        for text in (*loads, *(_COMMENT.sub("", text) for text in code)):
            found = _HOST.search(text.replace(_NAME_OF_SVG, ""))
            if found:
                yield f"{name} loads from a host: {found[0]}"


def _lost(path: Path, site: Path, read: Callable[[Path], Page]) -> Iterator[str]:
    for link in read(path).links:
        parts = urlsplit(link)
        if parts.scheme in ("http", "https", "mailto"):
            continue
        target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
        if parts.scheme or parts.netloc or not target.is_relative_to(site):
            yield f"{link} leads out of the site"
        elif not target.is_file():
            yield f"{link} leads to no file"
        elif target.suffix != ".html" or not parts.fragment:
            continue
        elif unquote(parts.fragment) not in read(target).anchors:
            yield f"{link} leads to no anchor"


if __name__ == "__main__":
    wrong = [*problems(Path(sys.argv[1]))]
    print(*wrong, sep="\n", end="\n" if wrong else "")
    sys.exit(bool(wrong))
