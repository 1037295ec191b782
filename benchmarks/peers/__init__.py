"""Scripts that run in the peers' environments (`make peers`): they import a peer and what it stands on."""
