"""GEO: where its files lie, how they are fetched, and what is in them."""
