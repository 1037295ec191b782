"""What training shows of each row, recorded while it runs."""
