"""The server's face: the native API, the pages, and the one place where a refusal becomes a status."""
