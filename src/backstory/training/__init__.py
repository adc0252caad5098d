"""Search for good parameters: optimizers, schedules, the loop over epochs and what is served between steps."""
