"""Mastodon and other ActivityPub servers: accounts and exports."""
