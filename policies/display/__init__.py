"""How figures and states are written, on every page alike."""
