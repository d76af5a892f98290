"""The workflow's configuration and criteria: closed schemas, and names that exist."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from diversevis.errors import UserError, nearest
from diversevis.invariance.families import get_family
from diversevis.networks.registry import get_network
from diversevis.networks.trunk import find_layer
from diversevis.synthesis.targets import check_channels

if TYPE_CHECKING:
    import jsonschema


def check(
    config: Mapping[str, Any], schema: Mapping[str, Any], criteria: Mapping[str, Any]
) -> None:
    """Check a configuration before anything runs.

    Parameters
    ----------
    config
        One of the files in ``config/`` that stand for a scale.
    schema
        ``workflow/schemas/config.schema.yaml``.
    criteria
        ``config/criteria.yaml``: claims can only be judged by what the run measures.

    Raises
    ------
    UserError
        For a key that the schema does not know (named with the nearest right one), a missing one, a
        value of the wrong kind, an unknown network or layer, a channel out of range, a pair of
        layers that are not in the run, or a run that is its own reference.
    """
    _check_schema(config, schema)
    config = resolved(config)
    for name, names in config["layers"].items():
        for layer in names:
            find_layer(get_network(name), layer)
    _check_units(config)
    _check_families(config, criteria["C3"]["delta"])
    _check_pairs(config)
    if config["reference"] == config["scale"]:
        raise UserError(
            "another scale than the run's own for reference, or null",
            repr(config["reference"]),
            "name the scale whose committed results it is checked against",
        )


def resolved(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with its networks by their full names.

    ``weights: torchvision`` in a scale's file, or ``--config weights=torchvision``, makes the whole
    comparison one of torchvision's trainings, under a scale of its own.
    """
    config = dict(config)
    weights = config.pop("weights", None)
    if weights is None:
        return config

    def renamed(network: str) -> str:
        return f"{network}-{weights}"

    units = dict(config["units"])
    for key in {"include", "other"} & set(units):
        units[key] = {renamed(name): value for name, value in units[key].items()}
    return {
        **config,
        "scale": renamed(config["scale"]),
        "reference": None,  # other networks have other numbers
        "layers": {renamed(name): layers for name, layers in config["layers"].items()},
        "pairs": [[[renamed(name), layer] for name, layer in pair] for pair in config["pairs"]],
        "distances": [renamed(config["distances"][0]), config["distances"][1]],
        "units": units,
    }


def units_of(config: Mapping[str, Any], network: str, layer: str) -> dict[str, Any]:
    """Return how many ``units`` of a layer are drawn, and which it has to ``include``."""
    units = config["units"]
    return {
        "units": units.get("other", {}).get(network, {}).get(layer, units["per_layer"]),
        "include": units.get("include", {}).get(network, {}).get(layer, []),
    }


def check_criteria(criteria: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    """Check the criteria of claims and controls.

    Parameters
    ----------
    criteria
        ``config/criteria.yaml``.
    schema
        ``workflow/schemas/criteria.schema.yaml``.

    Raises
    ------
    UserError
        For a key that the schema does not know, a missing one, or a value of the wrong kind.
    """
    _check_schema(criteria, schema)


def _check_schema(content: Mapping[str, Any], schema: Mapping[str, Any]) -> None:
    import jsonschema  # here, for a machine that only runs stages does not need it

    validator = jsonschema.Draft202012Validator(schema)
    errors = sorted(validator.iter_errors(content), key=lambda error: [*map(str, error.path)])
    if errors:
        raise _readable(errors[0])


def _check_units(config: Mapping[str, Any]) -> None:
    """Check that layers and channels under `units` are those of the run."""
    for key in ("include", "other"):
        for name, names in config["units"].get(key, {}).items():
            for layer, value in names.items():
                where = f"units.{key}.{name}.{layer}"
                if layer not in config["layers"].get(name, ()):
                    raise UserError(
                        f"layers of the run in units.{key}",
                        f"{name} {layer}",
                        "add it to layers, or drop it",
                    )
                if key == "include":
                    check_channels(value, find_layer(get_network(name), layer).units, where)


def _check_pairs(config: Mapping[str, Any]) -> None:
    """Check that pairs are of two different layers, and that all layers are the run's."""
    used = [("pairs", name) for pair in config["pairs"] for name in pair]
    for key, (network, layer) in [*used, ("distances", config["distances"])]:
        if layer not in config["layers"].get(network, ()):
            raise UserError(
                f"layers of the run in {key}",
                f"{network} {layer}",
                "add it to layers, or drop it",
            )
    for pair in config["pairs"]:
        if pair[0] == pair[1]:
            raise UserError(
                "two different layers in each of pairs", f"{' '.join(pair[0])} twice", "drop it"
            )


def _check_families(config: Mapping[str, Any], delta: float) -> None:
    """Check that the tests of a run are those that its tables and claims are made of."""
    settings = config["invariance"]
    for name in settings["families"]:
        get_family(name)
    for name in ("all-shifts", "deformations"):
        if name not in settings["families"]:
            raise UserError(f"{name} among invariance.families", "none", "add it")
    for key in ("delta", "repeat_delta"):
        if delta not in settings[key]:
            raise UserError(
                f"{delta:g}, the displacement of claim C3, in invariance.{key}",
                str(settings[key]),
                "add it",
            )
    if settings["repeats"] < 2:
        raise UserError(
            "at least 2 for invariance.repeats: their spread is the uncertainty",
            str(settings["repeats"]),
            "ask for 2",
        )


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
        f"a different value for {where}", error.message, "see its schema in workflow/schemas/"
    )
