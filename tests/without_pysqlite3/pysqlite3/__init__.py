"""Found instead of the real one by processes that a test starts as on a machine without it."""

raise ImportError("pysqlite3 is not installed here, as far as this test goes")
