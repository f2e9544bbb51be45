output "handback" {
  description = "The function and what belongs to it."
  value = {
    dead_letter_queue_url = aws_sqs_queue.dead_letters.url
    function_arn          = aws_lambda_function.this.arn
    function_name         = aws_lambda_function.this.function_name
    log_group             = aws_cloudwatch_log_group.this.name
    role_arn              = aws_iam_role.this.arn
  }
}

output "projects" {
  description = "The projects, under their own names. Whoever uses them waits until all is there that brings their builds home."
  value       = { for name in var.projects : name => name }

  # A build project carries the digest of all settings, and a digest that is there means that all of them are applied.
  depends_on = [
    aws_cloudwatch_event_target.function,
    aws_cloudwatch_metric_alarm.this,
    aws_lambda_function_event_invoke_config.this,
  ]
}
