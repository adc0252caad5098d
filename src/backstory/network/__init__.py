"""What a network is: its frozen spec, its parameters in one flat array, its file."""
