output "bucket" {
  description = "Name of the bucket. Whoever uses it waits until everything about the bucket is as it should be."
  value       = local.bucket

  # A build project carries the digest of all settings, and a digest that is there means that all of them are applied.
  # So the bucket comes first, whole.
  depends_on = [
    aws_s3_bucket.this,
    aws_s3_bucket_ownership_controls.this,
    aws_s3_bucket_policy.this,
    aws_s3_bucket_public_access_block.this,
    aws_s3_bucket_server_side_encryption_configuration.this,
    aws_s3_bucket_versioning.this,
    data.aws_s3_bucket.existing,
  ]
}
