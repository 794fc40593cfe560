"""Report of a run: the page, its figures and its words."""
