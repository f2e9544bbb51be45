# Deployed one after the other: the provider is a mock, so that there are values that only an apply gives.
mock_provider "aws" {
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }

  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/parser" }
  }

  mock_resource "aws_lambda_function" {
    defaults = { version = "7" }
  }
}

variables {
  environment = "test"
  handler     = "handler.handler"
  name        = "parser"
  package = {
    architecture     = "arm64"
    bucket           = "packages-bucket"
    key              = "artifacts/feeds-parser/one/package.zip"
    kind             = "function"
    runtime          = "python3.12"
    source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
    version_id       = "first"
  }
}

run "a_package_is_deployed_from_where_it_was_verified" {
  assert {
    condition = {
      bucket  = aws_lambda_function.this["this"].s3_bucket, key = aws_lambda_function.this["this"].s3_key
      version = aws_lambda_function.this["this"].s3_object_version
    } == { bucket = "packages-bucket", key = "artifacts/feeds-parser/one/package.zip", version = "first" }
    error_message = "The code is the object that was verified."
  }

  assert {
    condition     = aws_lambda_alias.this["this"].function_version == "7" && aws_lambda_alias.this["this"].name == "test"
    error_message = "The alias of the environment names the published version."
  }

  assert {
    condition     = output.deployed.kind == "function" && output.deployed.alias == "test" && output.deployed.version == "7"
    error_message = "The output says what is deployed."
  }
}

run "equal_bytes_of_another_commit_change_nothing" {
  variables {
    package = {
      architecture     = "arm64"
      bucket           = "packages-bucket"
      key              = "artifacts/feeds-parser/two/package.zip"
      kind             = "function"
      runtime          = "python3.12"
      source_code_hash = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU="
      version_id       = "second"
    }
  }

  assert {
    condition     = aws_lambda_function.this["this"].s3_key == "artifacts/feeds-parser/one/package.zip"
    error_message = "Only where the bytes lie is another place, so nothing is deployed."
  }
}

run "other_bytes_come_from_their_own_place" {
  variables {
    package = {
      architecture     = "arm64"
      bucket           = "packages-bucket"
      key              = "artifacts/feeds-parser/three/package.zip"
      kind             = "function"
      runtime          = "python3.12"
      source_code_hash = "LCa0a2j/xo/5m0U8HTBBNBNCLXBkg7+g+YpeiGJm564="
      version_id       = "third"
    }
  }

  assert {
    condition     = aws_lambda_function.this["this"].s3_key == "artifacts/feeds-parser/three/package.zip" && aws_lambda_function.this["this"].s3_object_version == "third"
    error_message = "Another digest is deployed from the object that has it."
  }
}
