"""Data parallel over MPI: rows in shards, gradients added in one fixed tree, the same bits for any number of ranks."""
