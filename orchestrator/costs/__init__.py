"""What builds cost: a dated table of prices, how AWS rounds, and estimates from both."""
