"""What training or another device would run, and the exported graph does not."""
