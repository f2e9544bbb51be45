output "published" {
  description = "What is published in the SSM Parameter Store, by name."
  value       = { for name, parameter in aws_ssm_parameter.this : name => parameter.insecure_value }
}
