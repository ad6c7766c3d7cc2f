"""A sync whose rows Spark finds, compares, encodes and writes; the driver holds lock and ledger."""
