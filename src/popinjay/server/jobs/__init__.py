"""Jobs started from the page: a queue, one process per job, and the events of each job."""
