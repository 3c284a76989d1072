"""The order in which the exchanges of a chain are tried. Pure; the primary always comes first."""

from collections.abc import Mapping, Sequence

from policies.domain.policy import ChainOrder, ChainOrdering

ABOUT_AS_FAST_FACTOR = 1.25
ABOUT_AS_FAST_MS = 10.0
"""Within this of the fastest one left, the listed order decides: a millisecond is no reason to change exchanges."""


def put_in_order(
    steps: Sequence[str], order: ChainOrder, *, latency_ms: Mapping[str, float], regions: Mapping[str, str]
) -> tuple[str, ...]:
    """The steps as they are tried now.

    latency_ms: what is known; exchanges without a figure come last, as listed. regions: by exchange.
    """
    if not steps or order.ordering == ChainOrdering.AS_LISTED:
        return tuple(steps)
    primary, others = steps[0], steps[1:]
    if order.ordering == ChainOrdering.FASTEST_FIRST:
        return (primary, *_fastest_first(others, latency_ms))
    wanted = order.region or regions.get(primary, "")
    return (primary, *sorted(others, key=lambda slug: regions.get(slug) != wanted))


def _fastest_first(listed: Sequence[str], latency_ms: Mapping[str, float]) -> list[str]:
    """Next is always the first listed of those about as fast as the fastest one left."""
    left = [slug for slug in listed if slug in latency_ms]
    found = []
    while left:
        fastest = min(latency_ms[slug] for slug in left)
        bound = max(fastest * ABOUT_AS_FAST_FACTOR, fastest + ABOUT_AS_FAST_MS)
        following = next(slug for slug in left if latency_ms[slug] <= bound)
        left.remove(following)
        found.append(following)
    return found + [slug for slug in listed if slug not in latency_ms]
