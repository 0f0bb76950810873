# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""docs/awx.md, whose commands the tests beside this run, and docs/awx-enforce.md."""

from __future__ import annotations

from tests.page import Page

PAGE, ENFORCE = Page("awx.md"), Page("awx-enforce.md")
BUILD, CONFIGURE, JOIN, RUN = PAGE.commands
