"""What every workflow script does around its one call: log, threads, readable errors."""

from __future__ import annotations

import contextlib
import sys
import traceback
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

from diversevis.devices import keep_memory
from diversevis.errors import NonFiniteLossError, UserError


@contextlib.contextmanager
def job(snakemake: Any) -> Iterator[None]:
    """Run a script's body with its output in the rule's log, on the threads given to the rule.

    An error that the user can put right ends the job with its message, not a traceback.
    """
    torch.set_num_threads(snakemake.threads)
    keep_memory()
    log = Path(snakemake.log[0])
    with (
        log.open("w", encoding="utf-8", buffering=1) as file,
        contextlib.redirect_stdout(file),
        contextlib.redirect_stderr(file),
    ):
        try:
            yield
        except (UserError, NonFiniteLossError) as error:
            message = f"{snakemake.rule}: {error}"
            print(message, file=file)
            print(message, file=sys.__stderr__)
            sys.exit(2 if isinstance(error, UserError) else 1)
        except Exception:
            traceback.print_exc(file=file)
            raise
