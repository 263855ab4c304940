"""One file -> one array: readers of sound, images, tables and NumPy files, chosen by the suffix."""
