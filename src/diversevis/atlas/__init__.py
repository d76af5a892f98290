"""Pages for a browser: one for every unit, layer and network, from results alone. No torch."""
