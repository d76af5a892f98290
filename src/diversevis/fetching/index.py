"""Where a file of the Python package index lies: the index that pip is set to use is asked.

pip itself would run a source distribution to ask it for its name and version. This reads the pages
of the index (PEP 503 and 691) and runs nothing. Of pip's settings it heeds ``index-url``,
``extra-index-url``, ``find-links``, ``no-index``, ``proxy`` and ``cert``.
"""

from __future__ import annotations

import ast
import importlib
import importlib.util
import json
import re
import subprocess
import sys
import textwrap
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from html.parser import HTMLParser
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urldefrag, urljoin, urlsplit
from urllib.request import url2pathname

from diversevis.fetching.downloads import SourceError
from diversevis.fetching.web import Route, failure_reason, open_url

_ACCEPTED = "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, "
_ACCEPTED += "text/html;q=0.1"
_LARGEST_PAGE = 1 << 25
_SECTIONS = ("global", "download", ":env:")
"""Of pip's settings, later ones before earlier ones."""


@dataclass(frozen=True)
class Settings:
    """What pip is set to.

    Parameters
    ----------
    indexes
        Addresses that have a page for each project below them.
    places
        Addresses of pages, and folders, of any projects.
    route
        How to reach them.
    """

    indexes: tuple[str, ...]
    places: tuple[str, ...]
    route: Route


def pip_settings() -> Settings:
    """Return pip's settings, from its files and the environment.

    Raises
    ------
    SourceError
        If there is no pip, or it does not tell.
    """
    if importlib.util.find_spec("pip") is None:
        raise SourceError("pip is not installed in this Python: it knows the package index")
    command = [sys.executable, "-P", "-m", "pip", "--disable-pip-version-check", "config", "list"]
    result = subprocess.run(command, capture_output=True, text=True, errors="replace", check=False)
    if result.returncode:
        told = textwrap.shorten(result.stderr, 300) or f"exit status {result.returncode}"
        raise SourceError(f"pip does not tell its settings: {told}")
    try:
        values = _values(result.stdout)
    except (ValueError, SyntaxError) as error:
        raise SourceError("pip tells its settings in a way that is not known") from error
    indexes: tuple[str, ...] = ()
    if values.get("no-index", "").lower() not in ("1", "true", "t", "yes", "y", "on"):
        first = values.get("index-url") or _default_index()
        indexes = (first, *values.get("extra-index-url", "").split())
    route = Route(values.get("proxy"), values.get("cert"))
    return Settings(indexes, tuple(values.get("find-links", "").split()), route)


def find(project: str, filename: str, checksum: str, settings: Settings) -> str:
    """Return the address of a file.

    Parameters
    ----------
    project
        Name of the project that it belongs to.
    filename
        Its name.
    checksum
        Its ``"sha256:..."``; a file of that name that is listed with another one is left out.
    settings
        Where to look.

    Raises
    ------
    SourceError
        If it is nowhere, with the reason for each place.
    """
    name = re.sub(r"[-_.]+", "-", project).lower()
    pages = [f"{address.rstrip('/')}/{name}/" for address in settings.indexes]
    reasons = []
    for page in [*settings.places, *pages]:
        try:
            links = [link for link in _links(page, settings.route) if link[0] == filename]
        except Exception as error:  # a page can hold anything
            reasons.append(f"{_shown(page)}: {failure_reason(error)}")
            continue
        for _, link, digest in links:
            if digest is None or f"sha256:{digest}" == checksum:
                return link
        listed = ", ".join(f"sha256 {digest}" for *_, digest in links)
        has = f"lists {filename} with {listed}" if links else f"does not list {filename}"
        reasons.append(f"{_shown(page)} {has}")
    raise SourceError("; ".join(reasons) or "pip is set to use no index")


def _values(listed: str) -> dict[str, str]:
    """Return pip's settings by name, from what ``pip config list`` prints."""
    found: dict[str, dict[str, str]] = {section: {} for section in _SECTIONS}
    for section, name, value in re.findall(r"^(\S+)\.([\w-]+)=(.*)$", listed, re.MULTILINE):
        if section in found and (text := str(ast.literal_eval(value)).strip()):
            found[section][name] = text
    return {name: value for section in _SECTIONS for name, value in found[section].items()}


def _default_index() -> str:
    """Return the index that pip uses where none is set."""
    try:
        address: str = importlib.import_module("pip._internal.models.index").PyPI.simple_url
    except (ImportError, AttributeError) as error:
        raise SourceError("pip names no index: set PIP_INDEX_URL") from error
    return address


Link = tuple[str, str, "str | None"]
"""File name, address, SHA-256 where it is told."""


def _links(page: str, route: Route) -> Iterator[Link]:
    """Yield the files that a page, or a folder, lists."""
    if "://" not in page and not page.startswith("file:"):
        page = Path(page).expanduser().absolute().as_uri()
    is_local = page.startswith("file:")
    if is_local and (folder := Path(url2pathname(urlsplit(page).path))).is_dir():
        for path in sorted(folder.iterdir()):
            yield path.name, path.as_uri(), None
        if not (folder / "index.html").is_file():
            return
        page = f"{folder.as_uri()}/index.html"
    with open_url(page, accept=_ACCEPTED, route=route) as response:
        content = response.read(_LARGEST_PAGE).decode("utf-8", errors="replace")
        base = response.url
    listed = _from_json if content.lstrip().startswith("{") else _from_html
    for filename, link, digest in listed(content):
        address = _with_credentials(urljoin(base, link), page)
        if is_local or urlsplit(address).scheme in ("http", "https"):  # a page names no local file
            yield filename, address, digest


def _from_json(content: str) -> Iterator[Link]:
    page = json.loads(content)
    files = page.get("files") if isinstance(page, Mapping) else None
    for file in files if isinstance(files, list) else ():
        hashes = file.get("hashes") or {}
        yield str(file.get("filename")), str(file.get("url")), hashes.get("sha256")


def _from_html(content: str) -> Iterator[Link]:
    parser = _Anchors()
    parser.feed(content)
    for reference in parser.references:
        link, fragment = urldefrag(reference)
        digest = re.fullmatch(r"sha256=([0-9a-f]{64})", fragment)
        yield unquote(PurePosixPath(urlsplit(link).path).name), link, digest and digest[1]


class _Anchors(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.references: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.references += [
            value for name, value in attrs if (tag, name) == ("a", "href") and value
        ]


def _with_credentials(link: str, page: str) -> str:
    """Return the link with the page's name and password if it leads to the same host."""
    ours, theirs = urlsplit(page), urlsplit(link)
    user, _, host = ours.netloc.rpartition("@")
    if user and (ours.scheme, host) == (theirs.scheme, theirs.netloc):
        return theirs._replace(netloc=ours.netloc).geturl()
    return link


def _shown(page: str) -> str:
    """Return the address without name and password."""
    parts = urlsplit(page)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()
