"""Self-contained HTML pages on data, trainings and models, and their charts as matplotlib figures."""
