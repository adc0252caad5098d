"""What a training run on a table came to, for people: measured, and told as text and as a page."""
