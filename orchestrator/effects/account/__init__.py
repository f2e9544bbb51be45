"""What a person does in an AWS account, to prepare or examine it: no role of a pipeline may do all of this."""
