"""How well is learned, beside other libraries and from how many seeds: runs too long for the tests."""
