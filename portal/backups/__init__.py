"""Back up the database and the uploads into one archive, and restore them."""
