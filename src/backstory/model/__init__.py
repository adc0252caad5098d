"""The public classes that compose the parts: `Network`, and `Formulas`, a network written as formulas."""
