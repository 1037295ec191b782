"""Methods that ask the gradients of a trained model."""
