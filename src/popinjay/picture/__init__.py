"""The picture of one prediction: layout and text."""
