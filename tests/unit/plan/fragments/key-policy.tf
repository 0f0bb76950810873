data "aws_iam_policy_document" "key" {
  statement {
    sid = "Encrypt"
    effect = "Allow"
    actions = ["kms:GenerateDataKey*"]
    resources = ["*"]
    principals {
      type = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
    condition {
      test = "StringEquals"
      variable = "aws:SourceArn"
      values = ["arn:aws:cloudtrail:us-east-1:111111111111:trail/main"]
    }
    condition {
      test = "StringLike"
      variable = "kms:EncryptionContext:aws:cloudtrail:arn"
      values = ["arn:aws:cloudtrail:*:111111111111:trail/*"]
    }
  }
  statement {
    sid = "Readers"
    effect = "Allow"
    actions = ["kms:Decrypt"]
    resources = ["*"]
    principals {
      type = "AWS"
      identifiers = ["arn:aws:iam::111111111111:role/Analyst"]
    }
    condition {
      test = "Null"
      variable = "kms:EncryptionContext:aws:cloudtrail:arn"
      values = ["false"]
    }
  }
}
