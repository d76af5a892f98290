"""Files from elsewhere: sources, downloads, archives, digests; whole or not at all."""
