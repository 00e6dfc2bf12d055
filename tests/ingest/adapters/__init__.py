"""Vendors' exports: what each must hold, whoever makes it."""
