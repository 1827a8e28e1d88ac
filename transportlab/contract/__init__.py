"""Everything that is derived from the contract, and the command that writes it.

    python -m transportlab.contract          writes every derived file
    python -m transportlab.contract --check  exits 1 and names those that are not current

For development: nothing at run time imports this package.
"""
