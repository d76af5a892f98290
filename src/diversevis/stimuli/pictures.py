"""A user's own pictures in place of the package's photographs."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from diversevis.errors import UserError
from diversevis.fetching.files import cache_directory, known_sha256, read_error
from diversevis.fetching.tensors import Expected, Stored, stored_tensors
from diversevis.stimuli.photographs import load_photographs

SUFFIXES = (".jpg", ".jpeg", ".png", ".webp")
LARGEST = 256
"""Pixels of the sides that pictures are scaled down to: what networks are trained on."""

_FORM = f"pictures of {LARGEST} px at most 1"
"""What is kept in the cache: to be raised when it changes."""


def own_pictures(folder: Path | str) -> dict[str, str]:
    """Return what settings say of a folder of pictures: its name, and a digest of its content.

    Raises
    ------
    UserError
        If there is no such folder, or no picture in it.
    """
    digest = hashlib.sha256()
    for path in _files(Path(folder).expanduser()):
        try:
            digest.update(f"{path.name} {known_sha256(path)}\n".encode())
        except OSError as error:
            raise read_error(path, error) from error
    return {"folder": str(folder), "digest": digest.hexdigest()}


def shown_photographs(own: Mapping[str, str] | None = None) -> Tensor:
    """Return the photographs of the package, or a user's own pictures.

    Parameters
    ----------
    own
        As `own_pictures` returns it.

    Returns
    -------
    Tensor
        uint8, ``[n, 3, side, side]``, RGB; own pictures in the order of their names. The shorter
        sides of all are scaled down to that of the smallest, at most `LARGEST`, and the middle is
        taken.

    Raises
    ------
    UserError
        If they cannot be had; naming the file if one cannot be read.
    """
    return load_photographs() if own is None else _stored(own)[0]


def about_pictures(own: Mapping[str, str]) -> dict[str, str]:
    """Return ``names`` of the files as a JSON list, and ``smallest``, the smallest in words."""
    return _stored(own)[1]


def check_pictures(own: Mapping[str, str], size: int) -> None:
    """Raise `UserError` if a picture is smaller than patches of side `size`, naming the file."""
    if (side := _stored(own)[0].shape[-1]) < size <= LARGEST:
        wanted = f"pictures of at least {size} px in {own['folder']}"
        raise UserError(wanted, about_pictures(own)["smallest"], "take it out of the folder")
    if size > side:
        wanted = f"patches of at most {LARGEST} px, to which pictures are scaled down"
        raise UserError(wanted, f"{size} px", "choose an earlier layer")


def _stored(own: Mapping[str, str]) -> tuple[Tensor, dict[str, str]]:
    folder = Path(own["folder"]).expanduser()
    path = cache_directory() / "photographs" / f"{own['digest']}.safetensors"

    def make() -> Stored:
        if own_pictures(own["folder"]) != dict(own):
            wanted = f"the pictures in {folder} as they were when the run began"
            raise UserError(wanted, "others", "start the run again")
        return _decoded(_files(folder))

    tensors, about = stored_tensors(path, make, Expected(declared=_FORM, keys=("names",)))
    return tensors["photographs"], about


def _files(folder: Path) -> list[Path]:
    try:
        found = sorted(path for path in folder.iterdir() if path.suffix.lower() in SUFFIXES)
    except OSError as error:
        said = error.strerror or str(error)
        raise UserError("a folder of pictures", f"{folder}: {said}", "name another") from error
    if not found:
        wanted = f"pictures in {folder}, {', '.join(SUFFIXES)}"
        raise UserError(wanted, "none", "name the folder that holds them itself")
    return found


def _decoded(files: list[Path]) -> Stored:
    from torchvision.transforms.functional import center_crop, resize  # slow to import

    pictures, smallest, side = [], "", LARGEST
    for path in files:
        picture = _picture(path)
        # Large ones are scaled as they come, to hold no more than is needed.
        if min(picture.shape[1:]) > LARGEST:
            picture = resize(picture, [LARGEST], antialias=True)
        if not smallest or min(picture.shape[1:]) < side:
            side = min(picture.shape[1:])
            smallest = f"{path.name}, {picture.shape[1]} x {picture.shape[2]} px"
        pictures.append(picture)
    found = [center_crop(resize(picture, [side], antialias=True), [side]) for picture in pictures]
    names = json.dumps([path.name for path in files])
    return {"photographs": torch.stack(found)}, {"names": names, "smallest": smallest}


def _picture(path: Path) -> Tensor:
    from torchvision.io import ImageReadMode, decode_image

    try:
        content = torch.frombuffer(bytearray(path.read_bytes()), dtype=torch.uint8)
        found: Tensor = decode_image(content, ImageReadMode.RGB, apply_exif_orientation=True)
    except OSError as error:
        raise read_error(path, error) from error
    except (RuntimeError, ValueError) as error:
        said = " ".join(str(error).split())[:120]
        wanted = f"a picture that can be read in {path}"
        raise UserError(wanted, said, "take it out of the folder, or save it anew") from error
    return found
