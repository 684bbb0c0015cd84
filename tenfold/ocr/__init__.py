"""From pictures to digits: ink, characters, rows, and what a model says of them."""
