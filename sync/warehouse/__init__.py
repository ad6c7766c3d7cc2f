"""The warehouse side of a sync: newest rows, the ledger, and the changes between them."""
