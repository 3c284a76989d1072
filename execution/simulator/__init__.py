"""A separate process that serves exchanges' own REST protocols over HTTP, with a matching book and fault injection.

Nothing here imports Django or the rest of the platform, and nothing in the platform knows it exists: a client is
pointed at it by replacing the scheme and host of an exchange's base URL.
"""
