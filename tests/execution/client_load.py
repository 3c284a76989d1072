"""Opens many user clients of one exchange, as a worker does, and prints the process's largest size in MB."""

import asyncio
import resource
import sys
from pathlib import Path

from execution.exchanges.registry import AdapterPool


async def main(url: str, clients: int) -> None:
    """Every client shares the public one's markets and connections."""
    pool = AdapterPool(base_urls={"binance": url}, timeout_s=5)
    await pool.public("binance").markets()
    opened = [pool.private("binance", {"api_key": f"key-{n}", "secret": "c2VjcmV0"}) for n in range(clients)]
    for client in opened:
        await client._ready()  # type: ignore[attr-defined]
    await pool.close()
    print(largest_mb())


def largest_mb() -> int:
    """Of this program: what `getrusage` tells may be the size of the process that started it."""
    status = Path("/proc/self/status")
    if not status.exists():
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmHWM:"))
    return int(line.split()[1]) // 1024


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
