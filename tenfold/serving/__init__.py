"""The API and the page: `tenfold serve`."""
