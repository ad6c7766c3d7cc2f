"""The example on real data: where its raw files come from."""
