"""From a study to its variants, its trials, and the chunks that workers get."""
