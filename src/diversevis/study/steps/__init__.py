"""The computing stages, one module each: `run(reads, writes, **settings)`."""
