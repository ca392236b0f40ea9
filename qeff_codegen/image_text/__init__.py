"""Image-text models: what of upstream's file becomes the program for images and the program for text."""
