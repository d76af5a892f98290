"""The workflow's configuration: a closed schema, and names that exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import jsonschema

from diversevis.analysis.invariance import DEFORMATION_DELTA
from diversevis.errors import UserError, nearest
from diversevis.invariance.families import get_family
from diversevis.networks.registry import get_network
from diversevis.networks.trunk import find_layer


def check(config: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check a configuration before anything runs.

    Raises
    ------
    UserError
        For a key that the schema does not know (named with the nearest right one), a missing one, a
        value of the wrong kind, an unknown network or layer, or a channel out of range.
    """
    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(config), key=lambda error: list(error.path))
    if errors:
        raise _readable(errors[0])
    included = config["units"].get("include", {})
    for name, names in {**included, **config["layers"]}.items():
        network = get_network(name)
        for layer in names:
            units = find_layer(network, layer).units
            for channel in included.get(name, {}).get(layer, ()):
                if channel >= units:
                    raise UserError(
                        f"channels 0 to {units - 1} in units.include.{name}.{layer}",
                        str(channel),
                        "choose one within the range",
                    )
    _check_families(config)


def _check_families(config: Mapping[str, Any]) -> None:
    """Check that the tests of a run are those that its tables and claims are made of."""
    settings = config["invariance"]
    for name in settings["families"]:
        get_family(name)
    for name in ("all-shifts", "deformations"):
        if name not in settings["families"]:
            raise UserError(f"{name} among invariance.families", "none", "add it")
    for key in ("delta", "repeat_delta"):
        if DEFORMATION_DELTA not in settings[key]:
            raise UserError(
                f"{DEFORMATION_DELTA}, the displacement of claim C3, in invariance.{key}",
                str(settings[key]),
                "add it",
            )
    if settings["repeats"] < 2:
        raise UserError(
            "at least 2 for invariance.repeats: their spread is the uncertainty",
            str(settings["repeats"]),
            "ask for 2",
        )
    for network, layers in config["layers"].items():
        for layer in layers:
            size = find_layer(get_network(network), layer).geometry.size
            for name in settings["families"]:
                get_family(name).check_size(size)


def _readable(error: jsonschema.ValidationError) -> UserError:
    where = ".".join(map(str, error.path)) or "the configuration"
    if error.validator == "additionalProperties":
        known = list(error.schema["properties"])
        unknown = next(key for key in error.instance if key not in known)
        close = nearest(unknown, known)
        remedy = f"did you mean {' or '.join(close)}?" if close else "take it out"
        return UserError(f"in {where} only the keys {', '.join(known)}", f"{unknown!r}", remedy)
    if error.validator == "required":
        missing = next(key for key in error.validator_value if key not in error.instance)
        return UserError(f"a value for {missing!r} in {where}", "none", "add it")
    return UserError(
        f"a different value for {where}", error.message, "see workflow/schemas/config.schema.yaml"
    )
