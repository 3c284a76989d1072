"""The exchange-independent core: books, matching, accounts, prices. Pure: no I/O, and `now` is always passed in.

Times are integers of microseconds since the epoch; money is integers of an asset's smallest unit.
"""
