"""The ICP job cut into what its parts read; made once, where the job comes in."""

from __future__ import annotations

from dataclasses import dataclass

from cvo_ml.config.boosted import LeakPolicy, Trees
from cvo_ml.config.jobs import IcpCosts, IcpJob
from cvo_ml.core.units import Horizon
from cvo_ml.features.own.features import PROFILE


@dataclass(frozen=True)
class CustomersSpec:
    """Which customers are learnt from, and who of them is most profitable.

    Parameters
    ----------
    age:
        After the first order; profit is compared then.
    counts_first_order:
        Whether the first order itself counts in that profit.
    top_share:
        Of the customers by profit.
    burn_in:
        First orders this soon after the data begin are left out.
    test_share:
        The share of customers, the newest, that the model is judged on.
    """

    age: Horizon
    counts_first_order: bool
    top_share: float
    burn_in: Horizon
    test_share: float


@dataclass(frozen=True)
class LeadsSpec:
    """Which leads are learnt from, which of their fields may be read, and who of them is a winner.

    Parameters
    ----------
    age:
        After the win; profit is compared then.
    decision:
        A win counts that comes this soon after the lead.
    known_within:
        Fields count as known that were written this soon after the lead came.
    source:
        The field whose rates are the baseline.
    unread:
        Fields that no model reads: blocked, or known to be written later.
    declared:
        Fields that were filled in before the outcome, as the data's owner says.
    profit_above, top_share_of_won:
        A won lead is a winner above this profit, and in the top share of the won, if one is given.
    test_share:
        The share of leads, the newest, that the model is judged on.
    """

    age: Horizon
    decision: Horizon
    known_within: Horizon
    source: str
    unread: frozenset[str]
    declared: tuple[str, ...]
    profit_above: float
    top_share_of_won: float | None
    test_share: float


@dataclass(frozen=True)
class LearningSpec:
    """How the models are grown, and which fields they may read.

    Parameters
    ----------
    bags, per_positive:
        Models, and background rows per known winner in each, of positive-unlabelled learning.
    blocked:
        Fields that no model reads.
    profile:
        Columns of customers that the job names (``profile.<column>``).
    """

    trees: Trees
    bags: int
    per_positive: float
    leaks: LeakPolicy
    blocked: tuple[str, ...]
    profile: tuple[str, ...] = ()

    @property
    def declared(self) -> tuple[str, ...]:
        """Fields that were known before the outcome and may be read."""
        named = (name.removeprefix(PROFILE) for name in (*self.leaks.known_at_conversion, *self.profile))
        return tuple(dict.fromkeys(name for name in named if name not in self.blocked))


@dataclass(frozen=True)
class ContactSpec:
    """What asking a lead costs, and when it must have paid.

    Parameters
    ----------
    capacity:
        Share of people who can be contacted.
    source:
        The field that tells which channel's spend a lead bears.
    """

    age: Horizon
    capacity: float
    costs: IcpCosts
    source: str


@dataclass(frozen=True)
class ProfileSpec:
    """What the profile looks at.

    Parameters
    ----------
    age:
        What is met within it after the start describes the people.
    capacity:
        Share of people, the best by score, whose fairness is looked at.
    blocked:
        Fields that no model reads; their fairness is looked at too.
    """

    age: Horizon
    capacity: float
    blocked: tuple[str, ...]


@dataclass(frozen=True)
class IcpSections:
    """All sections of an ICP job."""

    customers: CustomersSpec
    leads: LeadsSpec
    learning: LearningSpec
    contact: ContactSpec
    profile: ProfileSpec


def sections_of(job: IcpJob) -> IcpSections:
    """The sections of a job.

    Examples
    --------
    >>> sections_of(IcpJob(blocked=("age", "country"))).learning.declared[:2]
    ('region', 'city')
    """
    leads = LeadsSpec(
        age=job.age,
        decision=job.leads.decision,
        known_within=job.leads.known_within,
        source=job.leads.source,
        unread=frozenset((*job.leads.written_later, *job.blocked)),
        declared=job.leaks.known_at_conversion,
        profit_above=job.leads.profit_above,
        top_share_of_won=job.leads.top_share_of_won,
        test_share=job.test_share,
    )
    return IcpSections(
        CustomersSpec(job.age, job.counts_first_order, job.top_share, job.burn_in, job.test_share),
        leads,
        LearningSpec(job.trees, job.bags, job.per_positive, job.leaks, job.blocked, job.more_features),
        ContactSpec(job.age, job.capacity, job.costs, job.leads.source),
        ProfileSpec(job.age, job.capacity, job.blocked),
    )
