"""What an executor is started with."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from execution.domain import life
from execution.domain.life import CheckOptions
from execution.exchanges.firi_auth import FiriSigning


@dataclass(frozen=True, slots=True)
class ExecutorOptions:
    """See routing_platform/env.py for the meaning of each."""

    base_urls: Mapping[str, str]
    redis_url: str
    rate_limit_share: float
    timeout_s: float
    validity_s: float
    checks: CheckOptions
    batch: int
    max_in_flight: int
    public_secrets: Mapping[str, Mapping[str, str]] = field(default_factory=dict, repr=False)
    firi: FiriSigning = field(default_factory=FiriSigning)

    @property
    def check_after_s(self) -> float:
        """See `execution.domain.life.orphaned_after_s`."""
        return life.orphaned_after_s(timeout_s=self.timeout_s, validity_s=self.validity_s)
