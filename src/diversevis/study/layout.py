"""Where everything lies: every path of a run, said once.

Names may be wildcards such as ``{layer}``: the workflow's patterns come from here, too.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from diversevis.controls.name import CONTROLS

Files = dict[str, Path]
"""Files of one job by what they hold."""


@dataclass(frozen=True)
class Layout:
    """The paths of a scale.

    Attributes
    ----------
    scale : str
        Its name.
    results, figures : Path
        Folders that hold those of all scales.
    part : str
        The part of the units that is meant, ``"2-of-7"`` for instance, where results are of each
        unit by itself; empty for all units.
    """

    scale: str
    results: Path = Path("results")
    figures: Path = Path("figures")
    part: str = ""

    @property
    def root(self) -> Path:
        """The folder of the scale's results."""
        return self.results / self.scale

    @property
    def parts(self) -> Path:
        """The folder of all parts."""
        return self.root / "parts"

    @property
    def of_units(self) -> Path:
        """The folder of what is of each unit by itself: the part's, if one is meant."""
        return self.parts / self.part if self.part else self.root

    def shared_root(self, name: str) -> Path:
        """Return a folder of results that do not depend on the scale."""
        return self.results / name

    def network(self, name: str) -> Path:
        """Return the record of a network in the cache."""
        return self.root / "networks" / f"{name}.json"

    def photographs(self) -> Path:
        """Return the record of the photographs in the cache."""
        return self.root / "networks" / "photographs.json"

    def sweep(self, network: str, layer: str) -> Files:
        """Return the restarts and diverse sets of a layer, or of a kind of control."""
        return self._sweep("sweeps", network, layer)

    def pixel_sweep(self, network: str, layer: str) -> Files:
        """Return the same, made distinct in pixels."""
        return self._sweep("pixels", network, layer)

    def natural(self, network: str, layer: str) -> Path:
        """Return a layer's responses to natural patches."""
        return self.root / "natural" / network / layer / "natural.npz"

    def tests(self, network: str, layer: str, repeat: int | str) -> Files:
        """Return a layer's transformation tests of one seed."""
        return self._tests(self.of_units / "tests" / network / layer / f"seed-{repeat}")

    def effort(self, network: str, layer: str) -> Files:
        """Return the tests of a layer's first units with four times the effort."""
        return self._tests(self.root / "effort" / network / layer)

    def contrasts(self, network: str, layer: str) -> Path:
        """Return the effective contrasts of a layer's tests, all seeds on common curves."""
        return self.root / "indices" / network / layer / "contrasts.csv"

    def controls(self, digest: str, kind: str) -> Files:
        """Return the tests of a kind of control, which all scales share.

        Parameters
        ----------
        digest
            Of what the controls are measured with.
        kind
            Its name.
        """
        return self._tests(self.shared_root(f"{CONTROLS}/{digest}") / kind)

    def gratings(self, network: str, layer: str) -> Path:
        """Return the best gratings of a layer's units."""
        return self.of_units / "gratings" / network / layer / "gratings.csv"

    def stability(self, network: str, layer: str) -> Path:
        """Return the relative stability of a layer's units."""
        return self.of_units / "stability" / network / layer / "stability.csv"

    def surrogate_set(self, network: str, layer: str) -> Path:
        """Return how distinct a layer's diverse sets are beside those of linear surrogates."""
        return self.of_units / "surrogate_set" / network / layer / "surrogate_set.csv"

    def natural_stability(self, network: str, layer: str) -> Path:
        """Return the stability of a layer's units on natural patches."""
        folder = self.of_units / "natural_stability" / network / layer
        return folder / "natural_stability.csv"

    def table(self, name: str) -> Path:
        """Return a table of the whole run."""
        return self.root / "tables" / f"{name}.csv"

    def drawing(self, name: str) -> Files:
        """Return the files of a figure."""
        return {kind: self.figures / self.scale / f"{name}.{kind}" for kind in ("png", "pdf")}

    def record(self, key: str, shared: str = "") -> Path:
        """Return the provenance of a job, by its key, ``"sweep/vgg19/conv3_1"`` for instance.

        Of results that scales share it lies with these, in the folder `shared`.
        """
        root = self.shared_root(shared) if shared else self.root
        return root / "provenance" / f"{key}.json"

    def log(self, key: str) -> Path:
        """Return the log of a job."""
        return self.root / "logs" / f"{key}.log"

    def benchmark(self, key: str) -> Path:
        """Return the time and memory of a job."""
        return self.root / "benchmarks" / f"{key}.tsv"

    def timings(self) -> Path:
        """Return what the stages took that ran outside the workflow."""
        return self.of_units / "timings.csv"

    def _tests(self, folder: Path) -> Files:
        return {
            "arrays": folder / "tests.npz",
            "table": folder / "tests.csv",
            "peaks": folder / "peaks.csv",
            "families": folder / "families.json",
        }

    def _sweep(self, kind: str, network: str, layer: str) -> Files:
        folder = self.of_units / kind / network / layer
        return {"arrays": folder / "sweep.npz", "table": folder / "sweep.csv"}
