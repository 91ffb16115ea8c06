"""`kubectl outlook`: what people who run the add-in ask of it most often, in one command each."""
