"""Is an equation right, and if not, which factor is wrong: reading, judging, saying; exercises. Pure Python."""
