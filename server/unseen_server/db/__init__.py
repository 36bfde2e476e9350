"""The database: what is stored, how it is opened, and every question put to it."""
