"""What `import tenfold` offers beyond data, models and reading: check, train, evaluate, compare, submit."""
