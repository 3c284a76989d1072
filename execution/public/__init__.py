"""Routing and failover as plain Python functions, under the names of the two requirements that ask for them.

`exchange_policy` maps strategies to exchanges, `exchange_failover_policy` holds chains and health, `execution` decides
for one signal and hands it over. They read and write the policy rows, the stored health and the breakers that the rest
of the platform works with; there is no second copy of a rule. docs/api.md has the examples.
"""
