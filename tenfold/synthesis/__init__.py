"""More than MNIST holds, made from its training rows: other hands and pens, damage, what is no digit, and whole lines.

Single images are made in whole batches of tensors, from PyTorch's default generator; lines one by one with OpenCV, from
a NumPy generator. Either way a seeded step is repeatable.
"""
