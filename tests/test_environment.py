"""Every way to install diversevis gives the same versions, and each is pinned by hash."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[1]
REQUIREMENTS = ROOT / "requirements"
LOCK = (REQUIREMENTS / "lock.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
CONDA = yaml.safe_load((ROOT / "envs" / "diversevis.yaml").read_text(encoding="utf-8"))

ENTRIES = [line for line in LOCK.replace("\\\n", "").splitlines() if line.strip()]
PINS = [Requirement(entry.split(" --hash=")[0]) for entry in ENTRIES]
EXTRAS = PROJECT["optional-dependencies"]
DIRECT = [Requirement(line) for line in PROJECT["dependencies"] + EXTRAS["workflow"]]
DIRECT_AND_DEV = DIRECT + [Requirement(line) for line in EXTRAS["dev"]]


def locked(name: str, **markers: str) -> list[Version]:
    """Return the versions that the lock file has of a package, of those that `markers` let pass."""
    return [
        Version(str(pin.specifier).removeprefix("=="))
        for pin in PINS
        if canonicalize_name(pin.name) == canonicalize_name(name)
        and not (markers and pin.marker and not pin.marker.evaluate(markers))
    ]


def python_markers(version: str) -> dict[str, str]:
    return {"python_version": version, "python_full_version": f"{version}.0"}


def conda_python() -> str:
    (python,) = (d for d in CONDA["dependencies"] if str(d).startswith("python="))
    return python.removeprefix("python=")


def conda_pip() -> list[Requirement]:
    (section,) = (d["pip"] for d in CONDA["dependencies"] if isinstance(d, dict))
    return [Requirement(line) for line in section]


def test_every_lock_entry_is_one_version_with_hashes():
    loose = [
        entry
        for entry in ENTRIES
        if not re.fullmatch(r"[\w.-]+==[\w.]+( ; [^\\]+?)?(\s+--hash=sha256:[0-9a-f]{64})+", entry)
    ]
    assert not loose


@pytest.mark.parametrize("name", ["lock", "bench", "cluster", "docs"])
def test_lock_names_no_host(name):
    text = (REQUIREMENTS / f"{name}.txt").read_text(encoding="utf-8")
    assert not re.search(r"://|--(extra-)?index-url|--find-links|--trusted-host", text)


def test_cluster_has_the_versions_of_the_lock_and_its_plugin_beside():
    """Both are of one package index, at one time: entries are the same, hashes included."""
    text = (REQUIREMENTS / "cluster.txt").read_text(encoding="utf-8")
    entries = [line for line in text.replace("\\\n", "").splitlines() if line.strip()]
    further = sorted(entry.split("==")[0] for entry in set(entries) - set(ENTRIES))
    plugin = "snakemake-executor-plugin-slurm"
    assert further == [plugin, f"{plugin}-jobstep"]
    assert all(" --hash=sha256:" in entry for entry in entries)


def _name_and_version(entry: str) -> tuple[str, str]:
    name, _, rest = entry.partition("==")
    return name, rest.split()[0]


def test_docs_has_the_versions_of_the_lock_and_the_generator_beside():
    text = (REQUIREMENTS / "docs.txt").read_text(encoding="utf-8")
    entries = [line for line in text.replace("\\\n", "").splitlines() if line.strip()]
    pinned, own = ([_name_and_version(one) for one in some] for some in (ENTRIES, entries))
    names = {name for name, _ in pinned}
    # The same versions, though they may be wanted on fewer platforms.
    assert {pin for pin in own if pin[0] in names} <= set(pinned)
    assert {name for name, _ in own} - names > {"furo", "myst-nb", "sphinx"}
    assert all(" --hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("python", ["3.11", "3.12", "3.13", "3.14"])
@pytest.mark.parametrize("requirement", DIRECT_AND_DEV, ids=lambda r: r.name)
def test_lock_has_one_version_that_pyproject_allows(requirement, python):
    (version,) = locked(requirement.name, **python_markers(python))
    assert version in requirement.specifier


def test_lock_keeps_the_constraints():
    lines = (REQUIREMENTS / "constraints.txt").read_text(encoding="utf-8").splitlines()
    constraints = [Requirement(line) for line in lines if line and not line.startswith("#")]
    assert constraints
    for constraint in constraints:
        versions = locked(constraint.name)
        assert versions
        assert all(version in constraint.specifier for version in versions)


def test_conda_environment_has_a_python_that_pyproject_allows():
    assert Version(conda_python()) in SpecifierSet(PROJECT["requires-python"])


def test_conda_environment_has_the_direct_dependencies_and_no_others():
    names = [canonicalize_name(requirement.name) for requirement in conda_pip()]
    assert sorted(names) == sorted(canonicalize_name(requirement.name) for requirement in DIRECT)


@pytest.mark.parametrize("pin", conda_pip(), ids=lambda r: r.name)
def test_conda_environment_has_the_versions_of_the_lock(pin):
    (version,) = locked(pin.name, **python_markers(conda_python()))
    assert str(pin.specifier) == f"=={version}"


def test_makefile_bootstraps_with_the_pins_of_the_lock():
    """`make setup` cuts uv and setuptools out of the lock file: their entries, whole, alone."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    script = re.search(r"sed -nE '(.+?)' \$\(LOCK\)", makefile).group(1).replace("$$", "$")
    command = ["sed", "-nE", script, REQUIREMENTS / "lock.txt"]
    cut = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    expected = [entry for entry in ENTRIES if re.match(r"(setuptools|uv)==", entry)]
    assert cut.replace("\\\n", "").splitlines() == expected
    assert len(expected) == 2
    assert not any(" ; " in entry for entry in expected), "a marker would leave some without uv"
