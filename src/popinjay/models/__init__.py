"""Models as files: base models, language models, special tokens, adapters, weights."""
