"""The words everybody shares: units, errors, table contracts, ledgers, the score store."""
