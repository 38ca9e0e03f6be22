"""Floor 2: vault, signing, audit chain, redaction and rate limits. Makes bytes; writes no file."""
