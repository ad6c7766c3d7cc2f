"""Governance that follows lineage from model to model."""
