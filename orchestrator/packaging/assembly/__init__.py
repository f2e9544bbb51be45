"""From wheels and application files to the bytes of a zip."""
