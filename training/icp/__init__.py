"""The lookalike (ICP) job."""
