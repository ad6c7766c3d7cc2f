"""The sync and online reads against the bare Redis protocol, redis-py and Feast."""
