"""Order books over websockets, on the same ports as REST."""
