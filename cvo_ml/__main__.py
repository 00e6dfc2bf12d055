"""``python -m cvo_ml``: the ``cvo`` command."""

from cvo_ml.cli import main

if __name__ == "__main__":
    main()
