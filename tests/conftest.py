"""A web server on this machine, with the vices of real ones; one thread where files run abreast."""

import contextlib
import os
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

if "PYTEST_XDIST_WORKER" in os.environ:  # before anything imports torch, here and in subprocesses
    os.environ.setdefault("OMP_NUM_THREADS", "1")


class Site:
    """What the server serves, how badly, and what it was asked for.

    Attributes
    ----------
    files : dict of bytes by path
    ranges : bool
        Whether it honours requests for the rest of a file.
    cut : int or None
        Bytes of the body after which it hangs up.
    silence : float
        Seconds to wait in the middle of the body.
    requests : list of (path, value of the Range header)
    """

    def __init__(self, address):
        self.address = address
        self.files, self.ranges, self.cut, self.silence, self.requests = {}, True, None, 0.0, []

    def url(self, name):
        return f"{self.address}/{name}"


@pytest.fixture
def site():
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):
            wanted = self.headers.get("Range")
            site.requests.append((self.path.lstrip("/"), wanted))
            body = site.files.get(self.path.lstrip("/"))
            if body is None:
                self.send_error(404)
                return
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted and site.ranges else 0
            if start >= len(body):
                self.send_error(416)
                return
            self.send_response(206 if start else 200)
            if start:
                self.send_header("Content-Range", f"bytes {start}-{len(body) - 1}/{len(body)}")
            self.send_header("Content-Length", str(len(body) - start))
            self.end_headers()
            rest = body[start:]
            self.wfile.write(rest[: len(rest) // 2])
            self.wfile.flush()
            time.sleep(site.silence)
            end = len(rest) if site.cut is None else max(site.cut - start, len(rest) // 2)
            with contextlib.suppress(ConnectionError):  # the client may have given up
                self.wfile.write(rest[len(rest) // 2 : end])

        def log_message(self, *_):
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    site = Site(f"http://127.0.0.1:{server.server_port}")
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    yield site
    server.shutdown()
    server.server_close()
