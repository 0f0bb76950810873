data "aws_iam_policy_document" "bucket" {
  statement {
    sid = "DenyWithoutTls"
    effect = "Deny"
    actions = ["s3:*"]
    resources = [
      "arn:aws:s3:::logs",
      "arn:aws:s3:::logs/*",
    ]
    principals {
      type = "*"
      identifiers = ["*"]
    }
    condition {
      test = "Bool"
      variable = "aws:SecureTransport"
      values = ["false"]
    }
  }
}
