"""Put a finished persona on the Hugging Face hub or into a folder."""
