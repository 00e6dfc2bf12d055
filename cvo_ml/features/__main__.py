"""``python -m cvo_ml.features``: print the feature catalogue (docs/features.md)."""

import sys

from cvo_ml.features.catalogue_page import catalogue_page

if __name__ == "__main__":
    sys.stdout.write(catalogue_page())
