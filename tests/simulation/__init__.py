"""A seeded simulation of the order life cycle: the platform's own decisions under virtual time and bad luck.

Run for real: `execution.domain` (router, sizing, life, state table), `execution.services.deciding`, the last gate and
the permission checks of `policies.domain`. Modelled here: clock, workers, PostgreSQL, the broker, the exchanges.
One seed is one world; the same seed is the same world, to the last event.
"""
