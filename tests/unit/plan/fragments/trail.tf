resource "aws_cloudtrail" "trail" {
  kms_key_id = "arn:aws:kms:us-east-1:111111111111:key/11111111-2222-3333-4444-555555555555"
  enable_logging = true
}
