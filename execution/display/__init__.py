"""How the states of the machine are written."""
