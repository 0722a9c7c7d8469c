"""What regfleet uses of other libraries that they do not promise: one module a library, and a test for each name."""
