"""Are the exchanges' books and ours the same? Orders nobody knows of, balances that moved without us, lost time.

epoch: what must be reconciled after all workers were gone, or after the database went back in time.
orders: an account's orders at the exchange against ours. balances: an account's money against our fills.
"""
