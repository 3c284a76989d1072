"""The one true price and the markets around it."""

from execution.simulator.engine.prices import Universe, Wander

from .engine_helpers import make_exchange


def test_a_walk_does_not_depend_on_how_it_is_asked() -> None:
    forward, jumping = Wander("7:BTC", 0.01, 0.001), Wander("7:BTC", 0.01, 0.001)

    values = [forward.at(step) for step in range(500)]

    assert jumping.at(499) == values[499]
    assert jumping.at(10) == values[10]


def test_the_same_seed_gives_the_same_prices_and_another_seed_others() -> None:
    assert Universe(1).usd("BTC", 1_000) == Universe(1).usd("BTC", 1_000) != Universe(2).usd("BTC", 1_000)


def test_prices_of_one_asset_agree_over_exchanges_within_a_few_basis_points() -> None:
    universe = Universe(5)
    for step in range(0, 20_000, 50):
        true = universe.usd("BTC", step)
        for exchange, quote in (("binance", "USDT"), ("kraken", "USD"), ("kraken", "USDT"), ("firi", "NOK")):
            price = universe.mid(exchange, "BTC", quote, step) * universe.usd(quote, step)
            assert abs(price / true - 1) < 0.001


def test_prices_move_but_stay_near_their_anchor() -> None:
    universe = Universe(5)
    prices = [universe.usd("BTC", step) for step in range(0, 400_000, 100)]

    assert max(prices) / min(prices) > 1.01
    assert 80_000 < min(prices) < max(prices) < 115_000


def test_every_book_has_rising_asks_above_falling_bids_on_the_tick_and_lot() -> None:
    for slug in ("binance", "kraken", "firi"):
        exchange = make_exchange(slug, seed=9)
        for step in range(30):
            exchange.advance(step, 0)
            for market in exchange.markets.values():
                bids, asks = market.book.buys.depth(50), market.book.sells.depth(50)
                prices = [price for price, _ in [*bids[::-1], *asks]]
                assert prices == sorted(set(prices))
                assert all(p % market.spec.tick == 0 and a % market.spec.lot == 0 < a for p, a in bids + asks)


def test_bitcoin_in_danish_kroner_has_an_empty_book_and_a_price() -> None:
    market = make_exchange("firi").markets["BTC/DKK"]

    assert market.book.buys.depth(5) == market.book.sells.depth(5) == []
    assert market.last_price > 0
