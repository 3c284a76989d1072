"""The split of one order over several exchanges, at the lowest cost after fees, with a proof of how good it is. Pure."""

from execution.domain.split.instance import solve_instance

__all__ = ["solve_instance"]
