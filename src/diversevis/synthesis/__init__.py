"""Synthesis: diverse sets, restarts, and the sweep between them."""
