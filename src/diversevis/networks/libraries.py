"""Networks of torchvision and timm by their names, ``torchvision:convnext_tiny``."""

from __future__ import annotations

import functools
import importlib
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

import torch

from diversevis.errors import UserError, unknown_name
from diversevis.fetching.files import cache_directory, known_sha256
from diversevis.fetching.sources import Fetched, TorchHubCheckpoint, Url, fetch
from diversevis.networks.given import LIBRARIES, MARK, ModuleNetwork

_OWN_SCALE = ("googlenet", "inception_v3")
"""Networks of torchvision whose trained weights want their input on another scale, which they
change it to by themselves if asked."""


def library_network(name: str) -> ModuleNetwork:
    """Return a network of a library.

    Raises
    ------
    UserError
        If there is no such library or network, or it is not installed.
    """
    library, _, model = name.partition(MARK)
    if library not in LIBRARIES:
        raise unknown_name("library of networks", library, LIBRARIES)
    return (_of_torchvision if library == "torchvision" else _of_timm)(name, model)


@functools.cache
def _of_torchvision(name: str, model: str) -> ModuleNetwork:
    models = importlib.import_module("torchvision.models")
    known = models.list_models(module=models)
    if model not in known:
        raise unknown_name("network", model, known, where=" of torchvision")
    shown = models.get_model_weights(model).DEFAULT.transforms()
    settings = {"transform_input": True} if model in _OWN_SCALE else {}
    return ModuleNetwork(
        name=name,
        build=partial(models.get_model, model, weights=None, **settings),
        mean=shown.mean,
        std=shown.std,
        title=model,
        licence="BSD-3-Clause",
        reference=f"torchvision, {model}",
    )


@functools.cache
def _of_timm(name: str, model: str) -> ModuleNetwork:
    try:
        timm: Any = importlib.import_module("timm")
    except ImportError as error:
        raise UserError(f"timm for {name}", f"none: {error}", "pip install timm") from error
    if not timm.is_model(model):
        known = timm.list_models()
        raise unknown_name("network", model, known, where=" of timm")
    wants = timm.get_pretrained_cfg(model)
    if wants is None:  # nobody has trained it: as timm itself does by default
        wants = importlib.import_module("timm.models").PretrainedCfg()
    return ModuleNetwork(
        name=name,
        build=partial(timm.create_model, model, pretrained=False),
        mean=wants.mean,
        std=wants.std,
        title=f"{model} (timm)",
        licence=wants.license or "not stated",
        reference=f"timm, {model}",
    )


def weights_at_hand(name: str) -> Path | None:
    """Return the file with a library's own weights of a network if it is on this machine.

    Nothing is downloaded: `fetch_weights` does.
    """
    library, _, model = name.partition(MARK)
    if library == "timm":
        return _in_hugging_face_cache(model)
    url = _url(model)
    folders = (cache_directory() / "downloads", Path(torch.hub.get_dir()) / "checkpoints")
    for folder in folders:
        path = folder / _filename(url)
        if path.is_file() and known_sha256(path).startswith(_checksum(url)):
            return path
    return None


def fetch_weights(name: str, *, progress: bool = True) -> Path:
    """Return the file with torchvision's own weights of a network, downloaded if need be.

    Raises
    ------
    UserError
        If it is a network of another library, or nothing can serve the file.
    """
    library, _, model = library_network(name).name.partition(MARK)
    if library != "torchvision":
        wanted = f"weights of {name}, in Hugging Face's cache"
        found = weights_at_hand(name)
        if found is None:
            remedy = f"timm.create_model({model!r}, pretrained=True) puts them there"
            raise UserError(wanted, "none", remedy)
        return found
    url = _url(model)
    file, checksum = _filename(url), f"sha256:{_checksum(url)}"
    return fetch(
        [
            TorchHubCheckpoint(filename=file, checksum=checksum),
            Url(filename=file, checksum=checksum, url=url),
        ],
        cache_directory() / "downloads",
        what=f"the weights of {name}",
        use=_path,
        progress=progress,
    )


def _path(fetched: Fetched) -> Path:
    return fetched.path


def _url(model: str) -> str:
    models = importlib.import_module("torchvision.models")
    return str(models.get_model_weights(model).DEFAULT.url)


def _filename(url: str) -> str:
    return PurePosixPath(urlsplit(url).path).name


def _checksum(url: str) -> str:
    """Return the start of the file's SHA-256, which ends its name."""
    return PurePosixPath(_filename(url)).stem.rpartition("-")[2]


def _in_hugging_face_cache(model: str) -> Path | None:
    try:
        timm: Any = importlib.import_module("timm")
        hub: Any = importlib.import_module("huggingface_hub")
    except ImportError:
        return None
    wants = timm.get_pretrained_cfg(model)
    for file in ("model.safetensors", "pytorch_model.bin"):
        if wants is not None and wants.hf_hub_id:
            path = hub.try_to_load_from_cache(wants.hf_hub_id, file)
            if isinstance(path, str):
                return Path(path)
    return None
