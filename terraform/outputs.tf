output "artifact_store" {
  description = "The bucket of the packages, and whether it is one of this root's own: bucket, managed."
  value       = { bucket = module.artifact_store.bucket, managed = var.artifact_store.managed }
}

output "build_projects" {
  description = "What there is for each build, by project name: arn, bucket, log_group, name, role_arn."
  value       = { for name, project in module.build_project : name => project.build_project }
}

output "handback" {
  description = "The function that tells GitLab: dead_letter_queue_url, function_arn, function_name, log_group, role_arn; null if there is none."
  value       = one(values(module.handback)[*].handback)
}
