"""The training engine: what is learnt in which order, which weights learn it, one step, the clock, the loop."""
