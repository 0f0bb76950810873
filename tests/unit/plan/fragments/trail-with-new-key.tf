data "aws_iam_policy_document" "new_key" {
  statement {
    sid = "Administration"
    effect = "Allow"
    actions = ["kms:*"]
    resources = ["*"]
    principals {
      type = "AWS"
      identifiers = ["arn:aws:iam::111111111111:root"]
    }
  }
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
    sid = "Describe"
    effect = "Allow"
    actions = ["kms:DescribeKey"]
    resources = ["*"]
    principals {
      type = "Service"
      identifiers = ["cloudtrail.amazonaws.com"]
    }
  }
  statement {
    sid = "Decrypt"
    effect = "Allow"
    actions = ["kms:Decrypt"]
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
}

resource "aws_kms_key" "new_key" {
  description = "Logs"
  multi_region = false
  policy = data.aws_iam_policy_document.new_key.json
}

resource "aws_cloudtrail" "trail" {
  kms_key_id = aws_kms_key.new_key.arn
}
