"""How it reads: the plan as Terraform input, buildspec and text. Nothing here touches the world."""
