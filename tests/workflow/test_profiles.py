"""Profiles name the stages that there are: one that is missing would go to the wrong nodes."""

from __future__ import annotations

from pathlib import Path

import yaml

from diversevis.study.stages import COMPUTING

PROFILES = Path(__file__).parents[2] / "workflow/profiles"


def test_slurm_sends_what_computes_to_the_gpus():
    profile = yaml.safe_load((PROFILES / "slurm/config.yaml").read_text(encoding="utf-8"))
    on_device = {stage.name for stage in COMPUTING if stage.on_device}
    for key in ("set-resources", "set-threads"):
        assert set(profile[key]) == on_device
    assert all(asked["gpu"] == 1 for asked in profile["set-resources"].values())
    # What is left are jobs of seconds.
    assert {stage.name for stage in COMPUTING if not stage.local} == on_device


def test_slurm_downloads_nothing_on_nodes_and_has_no_arrays_of_jobs():
    profile = yaml.safe_load((PROFILES / "slurm/config.yaml").read_text(encoding="utf-8"))
    assert "DIVERSEVIS_OFFLINE=1" in profile["precommand"]
    assert "slurm-array-jobs" not in profile
