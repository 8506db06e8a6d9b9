"""Parts of `bench/train.py`: training measured beside HuggingTweets' recipe and other peers."""
