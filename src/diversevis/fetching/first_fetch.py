"""Files of which upstream publishes no whole digest: that of the first fetch counts."""

from __future__ import annotations

import json
from pathlib import Path

from diversevis.errors import UserError
from diversevis.fetching.files import file_sha256, write_text

RECORD = "first_fetch.json"
"""In the folder of downloads: SHA-256 by published checksum."""


def recorded_digest(folder: Path, checksum: str) -> str | None:
    """Return the SHA-256 of the first file with that checksum, None before there was one.

    Raises
    ------
    UserError
        If the record cannot be read.
    """
    return _read(folder / RECORD).get(checksum)


def remember(folder: Path, checksum: str, path: Path) -> None:
    """Record that the first file with that checksum was the one at `path`."""
    record = folder / RECORD
    digests = {**_read(record), checksum: file_sha256(path)}
    write_text(record, json.dumps(digests, indent=2, sort_keys=True) + "\n")


def _read(record: Path) -> dict[str, str]:
    wanted = f"SHA-256 by checksum, as JSON, in {record}"
    remedy = "delete it, so that the next fetch counts as the first"
    try:
        content = json.loads(record.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise UserError(wanted, str(error), remedy) from error
    if not isinstance(content, dict) or not all(isinstance(v, str) for v in content.values()):
        raise UserError(wanted, "something else", remedy)
    return content
