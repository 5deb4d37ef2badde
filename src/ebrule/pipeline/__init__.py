"""What the commands do, as functions that print nothing: from what is wanted to what became of it."""
