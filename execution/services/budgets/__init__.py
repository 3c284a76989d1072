"""Rate budgets: what all processes together may ask of an exchange."""

from execution.services.budgets.budgets import Banned, Budgets

__all__ = ["Banned", "Budgets"]
