"""The dictionary language and its compiler: schema -> order -> expand -> check -> build, and what is said of a dictionary."""
