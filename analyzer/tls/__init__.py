"""TLS: its room is kept; a later version decrypts here with a key log."""
