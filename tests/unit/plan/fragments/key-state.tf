resource "aws_kms_key" "key" {
  is_enabled = true
  enable_key_rotation = true
  rotation_period_in_days = 180
}
