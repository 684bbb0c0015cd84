"""More than MNIST holds, made from its training rows: other hands and pens, damage, and what is no digit.

Everything works on whole batches of tensors and draws from PyTorch's default generator, so a seeded step is repeatable.
"""
