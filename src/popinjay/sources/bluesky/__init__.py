"""Bluesky: accounts over the network and repository exports."""
