"""Networks of other libraries in, and networks out to other libraries and languages."""
