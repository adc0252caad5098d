"""Timings beside other libraries, and the accuracy runs too long for the tests."""
