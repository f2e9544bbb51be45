"""Lambda that runs: the deployment packages that moto keeps, in processes of this machine's Python."""
