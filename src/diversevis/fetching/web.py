"""Opening web addresses: quick to give up on a host, patient with a slow answer."""

from __future__ import annotations

import base64
import http.client
import ssl
import urllib.request
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import unquote, urlsplit

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


@dataclass(frozen=True)
class Route:
    """How to reach a host, beside what the environment says.

    Parameters
    ----------
    proxy
        Address of a proxy for everything.
    certificates
        File or folder of certificates to trust instead of the system's.
    """

    proxy: str | None = None
    certificates: str | None = None


DIRECT = Route()


class _HTTP(http.client.HTTPConnection):
    """Slow to answer is fine once connected; a host out of reach is not worth waiting for."""

    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _HTTPS(http.client.HTTPSConnection):
    def connect(self) -> None:
        super().connect()
        self.sock.settimeout(READ_SECONDS)


class _HTTPHandler(urllib.request.HTTPHandler):
    def http_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTP, request)


class _HTTPSHandler(urllib.request.HTTPSHandler):
    def __init__(self, certificates: str | None) -> None:
        super().__init__()
        self.certificates = certificates

    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPS, request, context=_context(self.certificates))


def _context(certificates: str | None) -> ssl.SSLContext:
    if certificates is None:
        return ssl.create_default_context()
    if Path(certificates).is_dir():
        return ssl.create_default_context(capath=certificates)
    return ssl.create_default_context(cafile=certificates)


def open_url(
    url: str, start: int = 0, *, accept: str = "*/*", route: Route = DIRECT
) -> http.client.HTTPResponse:
    """Open an address, asking to leave out the first `start` bytes.

    Parameters
    ----------
    url
        A name and password in it go to its host alone, not to one that it redirects to.
    start
        How many bytes to leave out; the server need not heed it.
    accept
        Types of content that are wanted.
    route
        How to reach the host.

    Raises
    ------
    OSError
        If there is no connection within `CONNECT_SECONDS`, or the server refuses. Reading the
        response raises it after `READ_SECONDS` of silence.
    """
    parts = urlsplit(url)
    user, _, host = parts.netloc.rpartition("@")
    headers = {"User-Agent": "diversevis", "Accept": accept}
    if start:
        headers["Range"] = f"bytes={start}-"
    request = urllib.request.Request(parts._replace(netloc=host).geturl(), headers=headers)
    if user:
        encoded = base64.b64encode(unquote(user).encode()).decode()
        request.add_unredirected_header("Authorization", f"Basic {encoded}")
    handlers: list[urllib.request.BaseHandler] = [_HTTPHandler(), _HTTPSHandler(route.certificates)]
    if route.proxy:
        handlers.append(urllib.request.ProxyHandler({"http": route.proxy, "https": route.proxy}))
    opener = urllib.request.build_opener(*handlers)
    response: http.client.HTTPResponse = opener.open(request, timeout=CONNECT_SECONDS)
    return response


def failure_reason(error: Exception) -> str:
    """Return in few words why opening or reading an address failed."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return getattr(cause, "strerror", None) or str(error) or type(error).__name__
