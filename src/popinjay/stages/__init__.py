"""The stages of the pipeline, one module each; they meet only in the persona's folder."""
