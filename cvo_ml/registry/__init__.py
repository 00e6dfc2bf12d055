"""Model bundles, and MLflow behind one door."""
