"""Compare the sync and online reads with the bare Redis protocol, redis-py and Feast."""
