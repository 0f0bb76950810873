# Copyright: Contributors to the aws_baseline.cloudtrail project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

"""The enforcements that are disturbed: of single accounts, and of many in one run."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._checks._subject import Settings
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._request import EnforceRequest, TrailRequest
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._run._task import Run, Task
from ansible_collections.aws_baseline.cloudtrail.plugins.module_utils._scope import Scope
from tests.unit.enforce.many import TRAILS, run_of
from tests.unit.enforce.test_other_accounts import STAGING

HOME = "eu-central-1"
HERE = Scope(regions=(HOME,))
READER = "arn:aws:iam::111111111111:role/LogAuditor"


@dataclass(frozen=True)
class Subject:
    """An enforcement to disturb; its bucket, and so its key, is in `region`.

    Of many accounts the reads of one, `reads_of`, go wrong, since those of the others are the same; of none where it is
    empty.
    """

    name: str
    scenario: str
    run: Run
    region: str = HOME
    reads_of: str | None = None

    @property
    def accounts(self) -> frozenset[str]:
        """The accounts of the run; none where it is that of the credentials."""
        return frozenset(each.account_id for each in self.run.task.scope.accounts)


def _alone(scenario: str, task: Task, region: str = HOME) -> Subject:
    return Subject(scenario, scenario, Run(task), region)


def _many(name: str, run: Run, reads_of: str) -> Subject:
    """A run of the accounts of one scenario, each read in the Region of its trail alone."""
    scope = run.task.scope
    accounts = (replace(each, regions=(TRAILS[each.account_id].split(":")[3],)) for each in scope.accounts)
    narrowed = replace(run.task, scope=replace(scope, accounts=tuple(accounts)))
    return Subject(name, "central-key", replace(run, task=narrowed), reads_of=reads_of)


SUBJECTS = (
    _alone("fresh", Task(HERE)),
    _alone("policy-lacking", Task(HERE)),
    _alone("reader-missing", Task(HERE, Settings(readers=(READER,)))),
    _alone("pending-deletion", Task(HERE, request=EnforceRequest(allow_enable_key=True, allow_cancel_deletion=True))),
    _alone("wrong-region", Task(HERE), "eu-west-1"),
    _alone("healthy", Task(HERE, request=EnforceRequest(replace_compliant_key=True))),
    _alone(
        "new-bucket", Task(HERE, request=EnforceRequest(create_trail=TrailRequest("main", "logs-111111111111", HOME)))
    ),
    _many("many-one-key", run_of(), STAGING),
    # What each reads of its own is what a single account reads.
    _many("many-own-keys", run_of(request=EnforceRequest()), ""),
)
