"""What keeps two syncs, a crash or a lost server from corrupting what is online."""
