"""Where a gradient comes from: the scalar graph, its paths, the derivation, conventions, printers. Pure Python."""
