"""Models as files: base models, language models, tokenizers' special tokens, adapters."""
