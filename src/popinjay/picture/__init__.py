"""The picture of a prediction: composition and typesetting."""
