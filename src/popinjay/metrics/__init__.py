"""What the report card measures: each module one row of it, texts in and numbers with intervals out."""
