"""When something else would be simpler than this product."""
