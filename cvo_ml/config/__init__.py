"""Frozen schemas of configs/ and their loader."""
