"""Opening web addresses: quick to give up on a host, patient with a slow answer."""

from __future__ import annotations

import http.client
import ssl
import urllib.request

CONNECT_SECONDS = 5.0
READ_SECONDS = 30.0


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
    def https_open(self, request: urllib.request.Request) -> http.client.HTTPResponse:
        return self.do_open(_HTTPS, request, context=ssl.create_default_context())


def open_url(url: str, start: int = 0) -> http.client.HTTPResponse:
    """Open a web address, asking to leave out the first `start` bytes.

    Raises
    ------
    OSError
        If there is no connection within `CONNECT_SECONDS`, or the server refuses. Reading the
        response raises it after `READ_SECONDS` of silence.
    """
    headers = {"User-Agent": "diversevis"}
    if start:
        headers["Range"] = f"bytes={start}-"
    opener = urllib.request.build_opener(_HTTPHandler, _HTTPSHandler)
    request = urllib.request.Request(url, headers=headers)
    response: http.client.HTTPResponse = opener.open(request, timeout=CONNECT_SECONDS)
    return response


def failure_reason(error: Exception) -> str:
    """Return in few words why opening or reading an address failed."""
    cause = getattr(error, "reason", error)
    if isinstance(cause, TimeoutError):
        return "no answer in time"
    return getattr(cause, "strerror", None) or str(error) or type(error).__name__
