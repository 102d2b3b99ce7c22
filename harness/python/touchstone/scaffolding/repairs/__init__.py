"""What can be changed in a draft that did not run, a theme a file; no rule knows a family."""
