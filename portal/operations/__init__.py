"""What operators watch: sections of facts and problems, and the last result of looking at all of them."""
