# An `include:` would leave the default target behind.
workflow.include("workflow/Snakefile", overwrite_default_target=True)
