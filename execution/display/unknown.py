"""Why a figure of an order's costs is not known, as a sentence."""

from execution.domain.tca import Unknown

_WHY = {
    Unknown.NOT_FOLLOWED: "The market's trades were not followed there.",
    Unknown.GAP: "Some of the market's trades in those minutes may have been missed.",
    Unknown.NO_TRADES: "Nobody traded in those minutes.",
    Unknown.NOT_COMPARED: "No exchanges were compared for it.",
    Unknown.PART: "It is one part of a split, which is measured as a whole.",
    Unknown.NO_BOOKS: "What all exchanges showed at its last fill is not known.",
    Unknown.NOT_DEEP: "The books did not hold as much as was filled.",
    Unknown.NO_FEE: "What its fees are worth is not known.",
    Unknown.DROPPED: "The books are no longer kept.",
}
NOT_YET = "It is worked out a minute after the last fill; orders from before this was measured stay without it."


def why_unknown(code: str) -> str:
    """The sentence of a code of `execution.domain.tca.Unknown`; of none, that it is not measured."""
    return _WHY[Unknown(code)] if code in set(Unknown) else NOT_YET
