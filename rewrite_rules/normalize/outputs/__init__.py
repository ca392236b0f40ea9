"""What layers and attentions return, named and taken apart where it is made."""
