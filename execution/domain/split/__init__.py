"""The split of one order over several exchanges, at the least cost after fees, with a proof of how good it is. Pure.

Once per book update: `prepare_depth` (or `depth_of`). Once per account: `Terms.on(scale, side)`. Per book or balance:
`candidate`. Per order: `plan_split` over the candidates in order of rank.
"""

from execution.domain.split.depth import Depth, depth_of, prepare_depth
from execution.domain.split.instance import solve_instance
from execution.domain.split.model import Candidate, ScaledTerms, SplitReason, SplitRequest, Terms, candidate
from execution.domain.split.plan import Bounds, Leg, Plan, Single, binding, plan_split
from execution.domain.split.scale import Scale, ScaleTooCoarse

__all__ = [
    "Bounds",
    "Candidate",
    "Depth",
    "Leg",
    "Plan",
    "Scale",
    "ScaleTooCoarse",
    "ScaledTerms",
    "Single",
    "SplitReason",
    "SplitRequest",
    "Terms",
    "binding",
    "candidate",
    "depth_of",
    "plan_split",
    "prepare_depth",
    "solve_instance",
]
