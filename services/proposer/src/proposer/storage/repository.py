"""The repositories of the proposer, bound to one transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.storage.candidates import CandidateRepository
from proposer.storage.declarations import DeclarationRepository
from proposer.storage.prompts import PromptRepository
from proposer.storage.proposals import ProposalRepository
from proposer.storage.regressions import RegressionRepository


class Repository:
    """All tables of the proposer, read and written in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self.candidates = CandidateRepository(conn)
        self.declarations = DeclarationRepository(conn)
        self.prompts = PromptRepository(conn)
        self.proposals = ProposalRepository(conn)
        self.regressions = RegressionRepository(conn)
