"""The front in processes of its own: what goes between them and the back."""
