"""What an author builds a backend on: a store of entries, and the seven operations over it."""
