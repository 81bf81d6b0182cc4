"""What Holdfast needs of the world, as protocols in the words of the domain."""
