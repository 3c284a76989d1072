"""Fault injection: the platform as processes, its servers and its network broken on purpose, and the exchanges' ledgers
compared with what it says it did. `make chaos`.
"""
