"""The fast engine: ONNX Runtime and numpy, without torch."""
