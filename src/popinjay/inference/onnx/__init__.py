"""The decoder that ONNX Runtime computes, without torch."""
