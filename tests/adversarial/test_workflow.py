"""Bad configurations through Snakemake itself: the same messages, and nothing is started."""

from __future__ import annotations

from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HEAD = "scale: mine\nlayers: {vgg19: [conv3_1]}\n"

ROWS = [
    ("scale: ../../escape\nlayers: {vgg19: [conv3_1]}\n", (), "'../../escape'"),
    (HEAD + "seed: 1\nseed: 2\n", (), "'seed' twice"),
    (HEAD + "invariance: {delta: [2, 7]}\n", (), "without folding"),
    (HEAD, ("--config", "scale=../x"), "'../x'"),
    (HEAD, ("--config", "units=3"), "units"),
]


@pytest.mark.parametrize(
    ("content", "options", "fragment"), ROWS, ids=lambda value: ascii(value)[-60:]
)
def test_workflow_starts_nothing(sandbox, content, options, fragment):
    (sandbox.folder / "mine.yaml").write_text(content)
    answer = sandbox.run(
        *("snakemake", "-n", "--cores", "1", "--snakefile", str(ROOT / "Snakefile")),
        *("--directory", str(sandbox.folder), "--configfile", "mine.yaml", *options),
    )
    assert answer.code == 2, answer
    assert fragment in answer.messages
    assert "Traceback" not in answer.messages
    made = {path.name for path in sandbox.folder.iterdir()}
    assert made <= {"mine.yaml", ".snakemake"}
    assert not sandbox.cache.exists()
