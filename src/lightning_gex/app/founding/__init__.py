"""The founding document's classes: dictionaries in, dictionaries out, over the one decision path."""
