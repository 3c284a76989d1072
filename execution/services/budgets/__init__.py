"""Rate budgets: what all processes together may ask of an exchange."""

from execution.services.budgets.budgets import Banned, Budgets
from execution.services.budgets.left import budgets_left

__all__ = ["Banned", "Budgets", "budgets_left"]
