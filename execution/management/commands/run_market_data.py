import asyncio
import signal
from typing import Any

import uvloop
from django.conf import settings
from django.core.management.base import BaseCommand

from execution.services.market_data.service import MarketData
from execution.services.process import options_from_settings
from routing_platform.metrics_server import start_metrics_server


class Command(BaseCommand):
    help = "Follow the order books of the pairs in use and share them with web and workers, until it is stopped."

    def handle(self, *args: Any, **options: Any) -> None:
        start_metrics_server()
        uvloop.run(_run())


async def _run() -> None:
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    await MarketData(options_from_settings(), settings.ENV["MARKET_DATA_PAIRS"]).run(stop)
