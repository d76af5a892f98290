"""Stimuli: masks, the gradient filter, gratings, deformations, natural patches, photographs."""
