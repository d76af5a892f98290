"""A process that has everything imported, and runs each bad input in a child of its own.

Reads one request per line, as JSON: ``kind`` (a surface, see `run`), its ``arguments``, the
``folder`` to run in, the ``environment``. Answers with one line: exit code, output, messages,
processor time.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import io
import json
import os
import resource
import runpy
import signal
import socket
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import torch

from diversevis import cli
from diversevis.errors import UserError
from diversevis.study.check import check
from diversevis.study.plugins import bring
from diversevis.study.settings import read_criteria, read_settings

ROOT = Path(__file__).parents[2]
PRELUDE = Path(__file__).with_name("prelude.py")
LIMIT = 20  # seconds; what is refused takes one or two
MEMORY = 4 << 30  # bytes beyond what the imports take: what asks for more does not get it

REACHED_OUT = "reached out"
"""What stands in the messages if something was fetched."""


def refuse_network() -> None:
    """Make every way out of the process an end with a message that no row expects."""

    def stop(*arguments, **_):
        print(f"{REACHED_OUT}: {arguments[1:]}", file=sys.stderr, flush=True)
        os._exit(99)

    def start(process, command, *arguments, **options):
        words = [command] if isinstance(command, str) else list(map(str, command))
        if any("pip" in Path(word).name for word in words):
            stop(None, words)
        begin(process, command, *arguments, **options)

    begin = subprocess.Popen.__init__
    socket.socket.connect = stop
    socket.getaddrinfo = stop
    subprocess.Popen.__init__ = start


def run(kind: str, arguments: list[str]) -> int:
    """Run one input as its surface does, and return the exit code.

    ``cli``: a command line. ``check``: a configuration and criteria, as workflow/Snakefile reads
    them. ``both``: the same, then `diversevis run`, which has to say the same. ``snakemake``: a
    command line of Snakemake's. ``python``: code.
    """
    if kind == "cli":
        return cli.main(arguments)
    if kind == "snakemake":
        importlib.import_module("snakemake.cli").main(arguments)
        return 0
    if kind == "both":
        said = io.StringIO()
        with contextlib.redirect_stderr(said):
            first = run("check", arguments)
        also = io.StringIO()
        with contextlib.redirect_stderr(also):
            second = run("cli", ["run", arguments[0]])
        print(said.getvalue(), file=sys.stderr)
        same = (first, f"diversevis: {said.getvalue()}") == (second, also.getvalue())
        if not same:
            print(f"run says something else: {second} {also.getvalue()}", file=sys.stderr)
        return first if same else 1
    try:
        if kind == "check":
            settings = read_settings(arguments[0])
            bring(settings.plugins, settings.checkpoints)
            check(settings, read_criteria(arguments[1]), device=False)
        else:
            exec(arguments[0], dict(names()))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    return 0


@functools.cache
def names() -> dict:
    """Return what the rows of the Python interface are written with."""
    return runpy.run_path(str(PRELUDE))


def child(request: dict, output: int, messages: int) -> None:
    """Become one input, and end."""
    code = 1
    try:
        os.setsid()  # what it starts is stopped with it
        os.dup2(output, 1)
        os.dup2(messages, 2)
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.environ.clear()
        os.environ.update(request["environment"])
        os.chdir(request["folder"])
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        if request["kind"] != "snakemake":
            refuse_network()
        code = run(request["kind"], request["arguments"])
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def answer(request: dict) -> dict:
    """Run a request in a child and return what came of it."""
    with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as messages:
        pid = os.fork()
        if not pid:
            signal.signal(signal.SIGALRM, signal.SIG_DFL)
            signal.alarm(LIMIT)
            child(request, output.fileno(), messages.fileno())
        _, status, usage = os.wait4(pid, 0)
        texts = []
        for file in (output, messages):
            file.seek(0)
            texts.append(file.read().decode(errors="replace"))
    return {
        "code": os.waitstatus_to_exitcode(status),
        "output": texts[0],
        "messages": texts[1],
        "seconds": usage.ru_utime + usage.ru_stime,
    }


def warm_up() -> None:
    """Do once what is slow the first time, so that no child has to."""
    torch.set_num_threads(1)  # threads do not survive a fork
    settings = read_settings({"scale": "warm", "layers": {"vgg19": ["conv2_2"]}})
    check(settings, read_criteria(ROOT / "config" / "criteria.yaml"))
    names()
    for module in ("diversevis.figures.sheet", "diversevis.figures.unit", "snakemake.cli"):
        importlib.import_module(module)
    gc.freeze()  # a collection in a child would copy all of its parent's memory


def main() -> None:
    """Answer requests until there are no more."""
    warm_up()
    print("ready", flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)


if __name__ == "__main__":
    main()
