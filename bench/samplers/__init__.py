"""Parts of `bench/sampling.py`: our sampler and its peers, each in a separate process."""
