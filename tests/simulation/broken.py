"""What can be switched to wrong, so that the simulation can show that it notices."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Broken:
    """Each field takes away one rule of the services or of the database. All off is the platform as it is."""

    claim_without_compare: bool = False
    record_without_compare: bool = False
    no_lease_return: bool = False
    no_sweep: bool = False
    forget_in_flight: bool = False
    fills_counted_twice: bool = False
    send_before_commit: bool = False
    baseline_after_sending: bool = False
    no_exclusive: bool = False
    no_gate: bool = False
    resend_orphans: bool = False
    unknown_is_rejected: bool = False
    late_exchanges_forgotten: bool = False
    clock_trusted: bool = False
    parents_do_not_wait: bool = False


NOTHING = Broken()
