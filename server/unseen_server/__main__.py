"""`unseen-server`: the entry point of the command line."""

from unseen_server.cli import main

if __name__ == "__main__":
    main()
