"""Distributions of a package index are fetched as pip is set, and nothing of them is run."""

from __future__ import annotations

import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from diversevis.errors import UserError
from diversevis.fetching import index
from diversevis.fetching.index import Settings, find, pip_settings
from diversevis.fetching.sources import PyPIDistribution, SourceError, fetch
from diversevis.fetching.web import DIRECT, Route

NAME = "tiny_weights-1.0.tar.gz"
WHEEL = "tiny_weights-1.0-py3-none-any.whl"


@pytest.fixture(autouse=True)
def pip_without_settings(monkeypatch):
    monkeypatch.setenv("PIP_CONFIG_FILE", os.devnull)
    for variable in [name for name in os.environ if name.startswith("PIP_")]:
        if variable != "PIP_CONFIG_FILE":
            monkeypatch.delenv(variable)


def sha256(content):
    return hashlib.sha256(content).hexdigest()


def distribution(content, filename=NAME):
    return PyPIDistribution(
        filename=filename, checksum=f"sha256:{sha256(content)}", requirement="tiny-weights==1.0"
    )


def get(source, folder):
    return fetch([source], folder, what="it", use=lambda fetched: fetched, progress=False)


def html(digest, name=NAME, place="../../files/"):
    return f'<a class="x" href="{place}{name}#sha256={digest}">{name}</a><br>'.encode()


def as_json(digest, name=NAME, place="../../files/"):
    file = {"filename": name, "url": f"{place}{name}", "hashes": {"sha256": digest}}
    return json.dumps({"meta": {"api-version": "1.0"}, "files": [{**file, "size": 3}]}).encode()


def hostile(ran):
    """Return a source distribution that leaves a mark if anything of it is run."""
    content = io.BytesIO()
    setup = f"import pathlib; pathlib.Path({str(ran)!r}).touch()".encode()
    with tarfile.open(fileobj=content, mode="w:gz") as archive:
        for name, text in (("setup.py", setup), ("weights", b"1234")):
            member = tarfile.TarInfo(f"tiny_weights-1.0/{name}")
            member.size = len(text)
            archive.addfile(member, io.BytesIO(text))
    return content.getvalue(), setup


@pytest.mark.parametrize("page", [html, as_json])
@pytest.mark.parametrize("filename", [NAME, WHEEL])
def test_distribution_is_fetched_and_nothing_of_it_is_run(
    site, tmp_path, monkeypatch, page, filename
):
    ran = tmp_path / "ran"
    content, setup = hostile(ran)
    site.files["simple/tiny-weights/"] = page(sha256(content), filename)
    site.files[f"files/{filename}"] = content
    monkeypatch.setenv("PIP_INDEX_URL", site.url("simple/"))
    fetched = get(distribution(content, filename), tmp_path / "downloads")
    assert fetched.path.read_bytes() == content
    assert fetched.origin.startswith("PyPI ")
    assert [name for name, _ in site.requests] == ["simple/tiny-weights/", f"files/{filename}"]
    assert not ran.exists()
    subprocess.run([sys.executable, "-c", setup], check=True)
    assert ran.exists(), "the test would not notice if it were run"


def test_file_of_another_digest_is_not_even_downloaded(site, tmp_path, monkeypatch):
    content = b"what was promised"
    site.files["simple/tiny-weights/"] = html(sha256(b"another"))
    site.files[f"files/{NAME}"] = b"another"
    monkeypatch.setenv("PIP_INDEX_URL", site.url("simple"))
    with pytest.raises(UserError, match=f"lists {NAME} with sha256 {sha256(b'another')}"):
        get(distribution(content), tmp_path)
    assert len(site.requests) == 1
    # Nor kept, where the page says what the file does not hold.
    site.files["simple/tiny-weights/"] = html(sha256(content))
    with pytest.raises(UserError, match=f"served a file with sha256 {sha256(b'another')}"):
        get(distribution(content), tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_python_without_pip_is_a_reason(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(UserError, match="pip is not installed"):
        get(distribution(b""), tmp_path)


# pip's settings


def test_pip_has_an_index_where_none_is_set(monkeypatch, tmp_path):
    (tmp_path / "pip").mkdir()
    (tmp_path / "pip" / "__main__.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    settings = pip_settings()
    assert [address.partition("://")[0] for address in settings.indexes] == ["https"]
    assert settings.indexes[0].endswith("/simple")
    assert (settings.places, settings.route) == ((), DIRECT)


def test_pips_own_settings_are_heeded(monkeypatch, tmp_path):
    config = tmp_path / "pip.conf"
    config.write_text(
        "[global]\nindex-url = https://one/simple\ncert = /of/all\nproxy = http://proxy:3128\n"
        "find-links =\n    /wheels\n    https://links\n[download]\ncert = /of/downloads\n"
        "[install]\nextra-index-url = https://for-install/simple\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(config))
    monkeypatch.setenv("PIP_INDEX_URL", "https://two/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://three/simple https://four/simple")
    monkeypatch.setenv("PIP_PROXY", "")
    settings = pip_settings()
    assert settings.indexes == tuple(f"https://{n}/simple" for n in ("two", "three", "four"))
    assert settings.places == ("/wheels", "https://links")
    assert settings.route == Route("http://proxy:3128", "/of/downloads")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    assert pip_settings().indexes == ()
    config.write_text("[global")
    with pytest.raises(SourceError, match=r"pip does not tell its settings: .*pip\.conf"):
        pip_settings()


def test_pip_of_another_make_is_a_reason(monkeypatch):
    with monkeypatch.context() as patch:
        patch.setitem(sys.modules, "pip._internal.models.index", None)
        with pytest.raises(SourceError, match="set PIP_INDEX_URL"):
            index._default_index()
    answer = subprocess.CompletedProcess([], 0, "global.index-url=https://unquoted\n", "")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: answer)
    with pytest.raises(SourceError, match="not known"):
        pip_settings()


# Places


def settings(*indexes, places=(), route=DIRECT):
    return Settings(indexes, places, route)


def test_folders_and_local_indexes_serve(tmp_path, monkeypatch):
    checksum = f"sha256:{sha256(b'content')}"
    wheels = tmp_path / "wheels"
    wheels.mkdir()
    (wheels / NAME).write_bytes(b"content")
    monkeypatch.chdir(tmp_path)
    for place in ("wheels", str(wheels), wheels.as_uri()):
        found = find("tiny-weights", NAME, checksum, settings(places=(place,)))
        assert found == (wheels / NAME).as_uri()
    simple = tmp_path / "simple" / "tiny-weights"
    simple.mkdir(parents=True)
    (simple / "index.html").write_bytes(html(sha256(b"content"), place="../../wheels/"))
    local = settings((tmp_path / "simple").as_uri())
    assert find("Tiny_weights", NAME, checksum, local) == (wheels / NAME).as_uri()
    monkeypatch.setattr(index, "pip_settings", lambda: local)
    assert get(distribution(b"content"), tmp_path / "downloads").path.read_bytes() == b"content"


def test_every_place_is_asked_and_its_reason_told(site):
    site.files["empty/tiny-weights/"] = b"<html></html>"
    site.files["full/tiny-weights/"] = html(sha256(b"content"))
    checksum = f"sha256:{sha256(b'content')}"
    asked = [site.url("absent"), site.url("empty"), "/no/such/folder"]
    found = find("tiny-weights", NAME, checksum, settings(*asked, site.url("full")))
    assert found == site.url(f"files/{NAME}")
    with pytest.raises(SourceError) as caught:
        find("tiny-weights", NAME, checksum, settings(*asked))
    assert "absent/tiny-weights/: HTTP Error 404" in str(caught.value)
    assert f"empty/tiny-weights/ does not list {NAME}" in str(caught.value)
    assert "/no/such/folder/tiny-weights/: " in str(caught.value)
    with pytest.raises(SourceError, match="no index"):
        find("tiny-weights", NAME, checksum, settings())


@pytest.mark.parametrize(
    "page",
    [
        b"{",
        b'{"files": [1]}',
        b'{"files": {"a": 1}}',
        b'{"files": [{"filename": 1, "hashes": []}]}',
        b'{"files":' + b"[" * 100_000,
        b"\xff\xfe<a href>",
        f'<a href="file:///etc/{NAME}">'.encode(),
        f'{{"files": [{{"filename": "{NAME}", "url": "file:///etc/passwd"}}]}}'.encode(),
        f'<a href="http://[{NAME}">'.encode(),
    ],
)
def test_page_of_any_content_serves_nothing(site, page):
    site.files["simple/tiny-weights/"] = page
    with pytest.raises(SourceError, match="simple/tiny-weights/"):
        find("tiny-weights", NAME, f"sha256:{'0' * 64}", settings(site.url("simple")))


def test_proxy_of_pip_is_used(site):
    """The host does not exist: only the proxy can have answered."""
    site.files["http://host.invalid/simple/tiny-weights/"] = html("0" * 64)
    through = settings("http://host.invalid/simple", route=Route(proxy=site.url("")))
    link = find("tiny-weights", NAME, f"sha256:{'0' * 64}", through)
    assert link == f"http://host.invalid/files/{NAME}"


def test_certificates_of_pip_are_used(tmp_path):
    missing = settings("https://host.invalid/", route=Route(certificates=str(tmp_path / "none")))
    with pytest.raises(SourceError, match="No such file or directory"):
        find("tiny-weights", NAME, f"sha256:{'0' * 64}", missing)


@pytest.fixture
def hosts():
    """Two servers, the first of which sends files to the second, and what each was told."""
    told = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            port = self.server.server_port
            told.append((port == servers[0].server_port, self.path, self.headers["Authorization"]))
            if self.path.startswith("/files/") and port == servers[0].server_port:
                self.send_response(302)
                self.send_header("Location", f"http://127.0.0.1:{servers[1].server_port}/there")
                self.end_headers()
                return
            body = html(sha256(b"content")) if self.path.startswith("/simple/") else b"content"
            self.send_response(200)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_):
            pass

    servers = [ThreadingHTTPServer(("127.0.0.1", 0), Handler) for _ in range(2)]
    for server in servers:
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield servers[0].server_port, told
    for server in servers:
        server.shutdown()
        server.server_close()


def test_password_of_an_index_goes_to_that_index_alone(hosts, tmp_path, monkeypatch):
    port, told = hosts
    private = settings(f"http://me:p%40ss@127.0.0.1:{port}/simple")
    monkeypatch.setattr(index, "pip_settings", lambda: private)
    assert get(distribution(b"content"), tmp_path).path.read_bytes() == b"content"
    basic = "Basic bWU6cEBzcw=="  # me:p@ss
    assert told == [
        (True, "/simple/tiny-weights/", basic),
        (True, f"/files/{NAME}", basic),
        (False, "/there", None),
    ]
    absent = PyPIDistribution(
        filename="absent-1.0.zip", checksum=f"sha256:{'0' * 64}", requirement="absent==1.0"
    )
    with pytest.raises(UserError) as caught:
        get(absent, tmp_path)
    assert "p%40ss" not in str(caught.value)
