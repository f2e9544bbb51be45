output "build_projects" {
  description = "What there is for each build, by project name: arn, bucket, log_group, name, role_arn."
  value       = { for name, project in module.build_project : name => project.build_project }
}
