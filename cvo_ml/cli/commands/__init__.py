"""Each command once: its options, the request that they make, the use case, and what is printed of its result."""
