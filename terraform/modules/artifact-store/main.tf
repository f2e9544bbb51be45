locals {
  # A bucket name has at most 63 characters. A name that has to be cut or respelled gets a digest of what was meant,
  # so that two long names with the same beginning do not become the same bucket.
  place    = "${var.account_id}-${var.region}"
  spelled  = trim(replace(lower(var.name), "/[^a-z0-9-]+/", "-"), "-")
  whole    = "${local.spelled}-${local.place}"
  shortage = 63 - length(local.place) - 10
  cut      = "${trim(substr(local.spelled, 0, local.shortage), "-")}-${substr(sha256(var.name), 0, 8)}-${local.place}"
  default  = local.spelled == var.name && length(local.whole) <= 63 ? local.whole : local.cut

  bucket = coalesce(var.bucket, local.default)
  arn    = "arn:${var.partition}:s3:::${local.bucket}"

  # What expires, below each prefix.
  expiring = flatten([
    for prefix in sort(var.prefixes) : [
      for folder in ["artifacts", "assembled", "cache", "handback", "snapshots", "wheels"] :
      prefix == "" ? folder : "${prefix}/${folder}"
    ]
  ])

  # Every resource of this module is there once, or not at all when the bucket belongs to someone else.
  managed = var.managed ? { this = local.bucket } : {}
}

# A bucket that is not ours must at least be there and answer to this account. Terraform cannot ask who owns it
# (`HeadBucket` with an expected owner is not in the provider), so the builds' roles repeat the question on every
# request: their statements hold only for buckets of this account (aws:ResourceAccount).
data "aws_s3_bucket" "existing" {
  for_each = var.managed ? {} : { this = local.bucket }

  bucket = each.value
}

resource "aws_s3_bucket" "this" {
  for_each = local.managed

  #checkov:skip=CKV_AWS_18:access logs need a second bucket; CloudTrail data events can be switched on where they are wanted
  #checkov:skip=CKV_AWS_144:a package can be built again from a commit, a state has its versions
  #checkov:skip=CKV2_AWS_62:nobody is waiting for events, the build itself reports home
  bucket = each.value

  # Packages are evidence: `destroy` stops at a bucket that still holds some, and a person decides.
  force_destroy = false

  # Deprecated in favour of `aws_s3_bucket_lifecycle_configuration`, and used all the same: that resource, on creation and
  # on every change, waits 10 seconds and then until ten polls 5 seconds apart have answered alike, a minute in which
  # nothing happens. Expiry is counted in days.
  dynamic "lifecycle_rule" {
    for_each = local.expiring

    content {
      id      = "expire-${lifecycle_rule.value}"
      enabled = true
      prefix  = "${lifecycle_rule.value}/"

      expiration {
        days = var.retention_days
      }
    }
  }

  lifecycle_rule {
    id                                     = "clean-up"
    enabled                                = true
    abort_incomplete_multipart_upload_days = 1

    noncurrent_version_expiration {
      days = var.retention_days
    }
  }

  tags = var.tags
}

resource "aws_s3_bucket_ownership_controls" "this" {
  for_each = local.managed

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_public_access_block" "this" {
  for_each = local.managed

  bucket = aws_s3_bucket.this[each.key].id

  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

# Without a key of one's own, the AWS managed key `aws/s3`: its key policy admits every principal of this account that S3
# admits, so no role needs a KMS permission, and it admits nobody else, so a mistake in a bucket policy alone does not
# publish a package. The bucket key keeps the number of KMS requests, and so their price, near zero.
resource "aws_s3_bucket_server_side_encryption_configuration" "this" {
  for_each = local.managed

  bucket = aws_s3_bucket.this[each.key].id

  rule {
    bucket_key_enabled = true

    apply_server_side_encryption_by_default {
      kms_master_key_id = var.kms_key_arn
      sse_algorithm     = "aws:kms"
    }
  }
}

resource "aws_s3_bucket_versioning" "this" {
  for_each = local.managed

  bucket = aws_s3_bucket.this[each.key].id

  versioning_configuration {
    status = "Enabled"
  }
}

data "aws_iam_policy_document" "bucket" {
  for_each = local.managed

  statement {
    sid       = "DenyPlainHttp"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [local.arn, "${local.arn}/*"]

    principals {
      type        = "*"
      identifiers = ["*"]
    }

    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "this" {
  for_each = local.managed

  bucket = aws_s3_bucket.this[each.key].id
  policy = data.aws_iam_policy_document.bucket[each.key].json

  # S3 refuses two changes of one bucket's access at the same time (OperationAborted).
  depends_on = [aws_s3_bucket_public_access_block.this]
}
