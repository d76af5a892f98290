"""Where there is no SLURM, the script that starts one says what to install."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path


def test_what_is_missing_is_named_with_exit_code_2(tmp_path):
    script = Path(__file__).with_name("slurm.sh")
    result = subprocess.run(
        [shutil.which("bash"), str(script), "true"],
        env={"PATH": str(tmp_path)},  # sbatch is not among the administrator's programs
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 2
    assert "sbatch" in result.stderr
    assert "apt-get install slurmctld slurmd slurm-client munge" in result.stderr
    assert [line.split()[0] for line in result.stderr.splitlines()] == ["expected", "got", "remedy"]
