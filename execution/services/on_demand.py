"""A health check on the spot, for callers that run no executor: bounded, counted against the request limits, stored."""

from collections.abc import Iterable
from typing import Any

import structlog
from asgiref.sync import sync_to_async
from django.conf import settings
from django.db import Error as DatabaseError

from execution.exchanges.registry import AdapterPool
from execution.selectors.facts import refresh_facts
from execution.services.budgets import Banned, Budgets
from execution.services.health import check_and_store, store_ban
from policies.snapshot import current_policy

logger = structlog.get_logger(__name__)

PATIENCE_S = 1.0


async def check_now(slugs: Iterable[str]) -> None:
    """Check these exchanges together, each within PATIENCE_S, and store and read what was found. Never raises."""
    banned: list[Banned] = []
    budgets = Budgets(settings.REDIS_URL, share=settings.ENV["RATE_LIMIT_SHARE"], on_ban=banned.append)
    pool = AdapterPool(
        base_urls=settings.ENV["EXCHANGE_BASE_URLS"],
        timeout_s=PATIENCE_S,
        meters=budgets.meter,
        public_secrets=settings.ENV["PUBLIC_KEYS"],
    )
    try:
        policy = await sync_to_async(current_policy)()
        await check_and_store(slugs, pool, _in_thread, policy, timeout_s=PATIENCE_S)
        for ban in banned:
            await sync_to_async(store_ban)(ban)
        await sync_to_async(refresh_facts)()
    except DatabaseError as e:
        logger.warning("health_not_stored", error=str(e))  # the stored samples stay as old as they are: down
    finally:
        await pool.close()
        await budgets.close()


async def _in_thread(work: Any, *args: Any) -> Any:
    return await sync_to_async(work)(*args)
