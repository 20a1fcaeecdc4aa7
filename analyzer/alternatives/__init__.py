"""What the same messages would cost over plain HTTP: its room is kept."""
