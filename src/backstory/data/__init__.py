"""Tables and arrays in, rows for the network out; knows nothing of networks."""
