"""What the benchmark of sampling is made of: ours and its peers, each in a process of its own."""
