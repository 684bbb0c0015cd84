"""Training images that MNIST lacks, made from its training samples: other handwriting, corruptions, negatives, lines.

Single images are made in batches of tensors with PyTorch's default generator, lines one by one with OpenCV and a NumPy
generator. Both repeat with their seed.
"""
