"""Units of any network by its name: built-in, of a library, registered by a plugin or a script."""

from __future__ import annotations

import functools
import sys
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from diversevis.devices import choose_device
from diversevis.errors import UserError, unknown_name
from diversevis.fetching.files import known_sha256
from diversevis.fetching.tensors import tensor_digest
from diversevis.networks import trunk
from diversevis.networks.base import Network
from diversevis.networks.checkpoints import fitted, read_checkpoint
from diversevis.networks.conventions import convention
from diversevis.networks.given import (
    KNOWN,
    LIBRARIES,
    MARK,
    Given,
    GivenUnits,
    ModuleNetwork,
    depends_on,
    find_given,
    give_weights,
    is_asked_for,
    is_given,
    weights_of,
)
from diversevis.networks.modules import from_module, receptive_fields, tensors_up_to
from diversevis.units.contract import Units, check_units


def load_trunk(
    network: str | Network,
    layer: str,
    *,
    weights: str | Path | None = None,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    cache: Path | None = None,
    progress: bool = True,
) -> Any:
    """Return the units of a layer of a network, whose weights are fetched if need be.

    Parameters
    ----------
    network
        Name of a built-in network, ``"vgg19"``; of a null of one, ``"vgg19+positions"``; of a
        library's, ``"torchvision:convnext_tiny"`` or ``"timm:resnet50"``; or of one that was
        registered.
    layer
        A layer's name: for built-in ones as `diversevis networks` lists them, else as for
        `from_module`.
    weights
        A checkpoint for a network that has none of its own, or ``"random"``; from now on also for
        other layers.
    device, dtype
        Where and in what the units compute.
    cache
        Folder of networks and checks; the package's own by default.
    progress
        Whether to say on stderr what is downloaded, and which weights are taken.

    Returns
    -------
    Units
        For `diverse_sets`, `sweep` and the measures of invariance.

    Raises
    ------
    UserError
        If the network, layer or device is unknown or not there, or its weights cannot be had or do
        not fit.

    Examples
    --------
    >>> units = load_trunk("torchvision:mobilenet_v2", "features.2", weights="random")
    >>> units.size, units.channels
    (15, 24)
    """
    name = network.name if isinstance(network, Network) else str(network)
    if weights is not None:
        give_weights(name, weights)
    if isinstance(network, Network) or not is_given(name):
        return trunk.load_trunk(
            network, layer, device=device, dtype=dtype, cache=cache, progress=progress
        )
    return load_given(name, layer, device=device, dtype=dtype, cache=cache, progress=progress)


def load_given(
    network: str,
    layer: str,
    *,
    device: str | torch.device = "cpu",
    dtype: torch.dtype = torch.float32,
    cache: Path | None = None,
    progress: bool = True,
) -> Units:
    """Return the units of a layer of a network for which `is_given` holds; see `load_trunk`."""
    given = find_given(network)
    if isinstance(given, GivenUnits):
        return _of_units(given, layer, choose_device(device), dtype)
    module, weights = _built(given), weights_of(given)
    if not isinstance(layer, str):
        raise unknown_name("layer", layer, dict(module.named_modules()), where=f" of {network}")
    said = _RANDOM_SAID if MARK in network else ""
    if weights is not None:
        said = _filled(module, given, layer, weights, cache)
    if progress and said:
        _say(network, said.format(network=network))
    wants = {"mean": given.mean, "std": given.std, "white": given.white}
    return from_module(
        module,
        layer,
        **wants,  # type: ignore[arg-type]
        channel_order=given.channel_order,
        name=network,
        device=device,
        dtype=dtype,
        cache=cache,
    )


_RANDOM_SAID = (
    "random weights, seed 0; for trained ones, --weights FILE or diversevis fetch {network}"
)


@functools.cache
def _say(network: str, said: str) -> None:
    """Say something once."""
    print(f"{network}: {said}", file=sys.stderr)


def _built(given: ModuleNetwork) -> nn.Module:
    """Return a network's module as it is built, from one seed."""
    with torch.random.fork_rng(devices=[]), redirect_stdout(sys.stderr):
        torch.manual_seed(0)
        try:
            module = given.build()
        except UserError:
            raise
        except Exception as error:  # whatever a user's function raises
            said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise UserError(f"to build {given.name}", said, _where(given)) from error
    if not isinstance(module, nn.Module):
        wanted = f"a torch.nn.Module from what builds {given.name}"
        raise UserError(wanted, type(module).__name__, _where(given))
    # What a library hands out is in training mode, and nobody's choice.
    return module.eval() if MARK in given.name else module


def _where(given: Given) -> str:
    found = [name for name in depends_on(given.name) if not name.startswith("weights")]
    return f"correct {', '.join(found)}" if found else "correct what was registered"


def _filled(
    module: nn.Module, given: ModuleNetwork, layer: str, path: Path, cache: Path | None
) -> str:
    """Give a module the weights of a file, as far as a layer needs them; return what to say."""
    channels = convention(given.mean, given.std, given.white, given.channel_order).channels
    needed = tensors_up_to(module, layer, channels)
    own = {name: t for name, t in module.state_dict().items() if t.is_floating_point()}
    what = f"{given.name} up to {layer}"
    found = fitted(read_checkpoint(path, cache), own, needed, path=path, what=what)
    module.load_state_dict(found.tensors, strict=False)
    return f"weights of {path}" + (f" ({found.said})" if found.said else "")


def _of_units(given: GivenUnits, layer: str, device: torch.device, dtype: torch.dtype) -> Units:
    """Return a layer of units that keeps its contract."""
    if layer not in given.layers:
        raise unknown_name("layer", layer, given.layers, where=f" of {given.name}")
    try:
        units = given.load(layer)
        if isinstance(units, nn.Module):
            units = units.requires_grad_(False).to(device=device, dtype=dtype)
        check_units(units)
    except UserError as error:
        remedy = f"{_where(given)}; {error.remedy}"
        raise UserError(error.expected, error.received, remedy) from error
    except Exception as error:  # whatever a user's function raises
        said = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise UserError(f"units of {given.name} {layer}", said, _where(given)) from error
    names = (units.network, units.layer)
    if names != (given.name, layer):
        wanted = f"units that call themselves {given.name} {layer}"
        raise UserError(wanted, " ".join(map(str, names)), _where(given))
    found: Units = units
    return found


def built_fields(given: ModuleNetwork) -> dict[str, int]:
    """Return the side of the receptive field of each layer of a network that can be traced."""
    wants = convention(given.mean, given.std, given.white, given.channel_order)
    return receptive_fields(_built(given), wants.channels)


@dataclass(frozen=True)
class About:
    """What records say of a given network.

    Attributes
    ----------
    title, licence, reference : str
        As of `ModuleNetwork`.
    digest : str
        Of its weights: of the file's content, or of the tensors where there is no file.
    source, source_sha256 : str
        Where they came from, in words, and the digest of the file; empty where there is none.
    """

    title: str
    licence: str
    reference: str
    digest: str
    source: str
    source_sha256: str


def about_given(network: str) -> About:
    """Return what records say of a network for which `is_given` holds.

    Raises
    ------
    UserError
        If it cannot be built, or its file of weights is not there.
    """
    given = find_given(network)
    title = given.title or given.name
    source, path = _where_from(given), None
    if isinstance(given, ModuleNetwork):
        path = weights_of(given)
    file_digest = "" if path is None else known_sha256(path)
    if path is not None:
        digest, source = file_digest, str(path)
        title += f", {path.stem}" if is_asked_for(given) else ""
    else:
        if (network, "digest") not in KNOWN:
            KNOWN[network, "digest"] = _tensor_digest(given)
        digest = KNOWN[network, "digest"]
        if MARK in network:
            title, source = f"{title}, random", f"{source}, random weights, seed 0"
    return About(title, given.licence, given.reference, digest, source, file_digest)


def _where_from(given: Given) -> str:
    library = given.name.partition(MARK)[0]
    return library if library in LIBRARIES else ", ".join(depends_on(given.name)) or "registered"


def _tensor_digest(given: Given) -> str:
    """Return the digest of a network's tensors as it is built, or of all layers of units."""
    if isinstance(given, ModuleNetwork):
        return tensor_digest(_plain(_built(given).state_dict()))
    found: dict[str, Tensor] = {}
    for layer in given.layers:
        units: Any = given.load(layer)
        state = units.state_dict() if isinstance(units, nn.Module) else {}
        found |= {f"{layer} {name}": tensor for name, tensor in state.items()}
    return tensor_digest(_plain(found))


def _plain(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return tensors of types that NumPy has, too."""
    return {name: t.float() if t.is_floating_point() else t for name, t in state.items()}
