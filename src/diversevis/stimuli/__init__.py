"""Stimuli: norm budget, gradient filter, natural patches."""
