"""Everything one machine needs to run the platform with nothing installed by hand.

A real PostgreSQL and a real Valkey (from wheels, else from the system) on unix sockets under `.local/`, generated
secrets, and a small supervisor for web, worker, beat and the exchange simulator. Production uses none of this: it
sets DATABASE_URL and REDIS_URL.
"""
