"""Figures: drawing only, from results and tables that others computed. Needs no torch."""
