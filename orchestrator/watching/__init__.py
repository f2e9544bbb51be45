"""How builds are seen: any number of builds in, what happens to them out."""
