"""Everything that is derived from the contract, and the command that writes it.

    python -m tools.generate          writes every derived file
    python -m tools.generate --check  exits 1 and names those that are not current

For development: nothing at run time imports this package.
"""
