# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""What AWS says when it refuses: an error code, a message and an HTTP status."""

from __future__ import annotations

from collections.abc import Mapping


class AwsError(Exception):
    """A refusal, in the words of the service that refuses."""

    def __init__(self, code: str, message: str = "", *, status: int = 400, headers: Mapping[str, str] | None = None):
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message
        self.status = status
        self.headers = dict(headers or {})
