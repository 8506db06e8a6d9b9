"""Jobs of the page: a queue, a process for each job, and its events."""
