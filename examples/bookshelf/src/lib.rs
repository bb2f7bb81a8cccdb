//! The bookstore of the tutorial: orders stay fast while a catalog of 50,000 books is imported.
