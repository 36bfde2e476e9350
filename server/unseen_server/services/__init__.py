"""What people come to do, one module each: plain functions of a database, their arguments and the time."""
