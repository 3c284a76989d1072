"""The ccxt clients: guarded, without retries, with shared markets."""

import pytest

from execution.exchanges.ccxt_client import PathNotAllowed, new_client, share_markets
from execution.exchanges.quirks import QUIRKS
from execution.exchanges.registry import AdapterPool
from tests.exchanges.cases import LIVE

SECRETS = {case.slug: case.secrets for case in LIVE}


@pytest.fixture(params=QUIRKS.values(), ids=lambda quirks: quirks.slug)
def quirks(request):
    return request.param


@pytest.fixture
def client(quirks, pool, run):
    async def build():
        public = pool.public(quirks.slug)
        await public.markets()
        client = new_client(quirks, pool._transports[quirks.slug], timeout_s=1, secrets=SECRETS[quirks.slug])
        share_markets(public._client, client)
        return client

    return run(build())


def test_a_withdrawal_cannot_even_be_signed(client, run):
    names = {"key": "mine", "account_id": "mine"}  # else Kraken and Coinbase ask for the account's names first
    with pytest.raises(PathNotAllowed):
        run(client.withdraw("BTC", 1, "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq", params=names))


def test_paths_outside_the_list_are_refused_before_anything_is_sent(client):
    with pytest.raises(PathNotAllowed):
        client.sign("capital/withdraw/apply", "private", "POST", {})


def test_nothing_is_retried_by_ccxt(client):
    # ccxt repeats any OperationFailed when this option is set: an order would be placed twice after a time-out.
    assert not client.options.get("maxRetriesOnFailure")
    assert client.enableRateLimit is False


def test_a_users_client_shares_the_public_clients_markets(quirks, pool, run):
    async def build():
        public = pool.public(quirks.slug)
        await public.markets()
        private = pool.private(quirks.slug, SECRETS[quirks.slug])
        await private._ready()
        return public, private

    public, private = run(build())

    assert private._client.markets is public._client.markets


@pytest.mark.parametrize("secret", ["not base64!", ""])
def test_a_malformed_secret_is_refused_before_any_request(simulator, secret, run):
    async def build():
        pool = AdapterPool(base_urls=simulator.base_urls, timeout_s=1)
        pool.private("kraken", {"api_key": "k", "secret": secret})

    with pytest.raises(ValueError, match="kraken|Kraken"):
        run(build())
