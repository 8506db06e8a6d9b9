"""The training engine: batches, trainable weights, the training step, its schedule and the loop."""
