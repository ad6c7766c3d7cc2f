"""Reads the newest rows from the warehouse, and keeps the ledger of published rows."""
