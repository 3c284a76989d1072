"""The one "true" USD price of every asset, the same for all exchanges, as a seeded random walk over time steps."""

import math
from array import array
from random import Random

ANCHOR_USD = {
    "BTC": 96_000.0,
    "ETH": 3_400.0,
    "SOL": 190.0,
    "USD": 1.0,
    "USDT": 1.0002,
    "USDC": 1.0,
    "NOK": 0.0952,
    "DKK": 0.1462,
}

# Per step of 250 ms: half a basis point is about 55 % a year. The pull keeps long runs near the anchor.
_ASSET_SIGMA, _ASSET_PULL = 0.000_05, 0.000_02
_BASIS_SIGMA, _BASIS_PULL = 0.000_03, 0.02
_FIXED = frozenset({"USD", "USDT", "USDC", "NOK", "DKK"})


class Wander:
    """A mean-reverting walk around zero. Step n depends on the seed text and n alone, however it is reached."""

    def __init__(self, seed: str, sigma: float, pull: float) -> None:
        self._random = Random(seed)  # noqa: S311 - repeatable on purpose
        self._sigma = sigma
        self._keep = 1.0 - pull
        self._path = array("d", [0.0])

    def at(self, step: int) -> float:
        """Return the deviation at `step`, extending the walk as far as needed."""
        path = self._path
        while len(path) <= step:
            path.append(path[-1] * self._keep + self._random.gauss(0.0, self._sigma))
        return path[step]


class Universe:
    """True prices, and each market's small deviation from them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self._assets = {
            asset: Wander(f"{seed}:{asset}", _ASSET_SIGMA, _ASSET_PULL) for asset in ANCHOR_USD if asset not in _FIXED
        }
        self._bases: dict[tuple[str, str], Wander] = {}

    def usd(self, asset: str, step: int) -> float:
        """The true USD price of an asset."""
        walk = self._assets.get(asset)
        return ANCHOR_USD[asset] * (math.exp(walk.at(step)) if walk else 1.0)

    def mid(self, exchange: str, base: str, quote: str, step: int) -> float:
        """The mid of one exchange's market: the true price with a basis of a few basis points."""
        key = (exchange, f"{base}/{quote}")
        basis = self._bases.get(key)
        if basis is None:
            basis = self._bases[key] = Wander(f"{self.seed}:{exchange}:{key[1]}", _BASIS_SIGMA, _BASIS_PULL)
        return self.usd(base, step) / self.usd(quote, step) * math.exp(basis.at(step))
