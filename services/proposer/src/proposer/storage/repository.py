"""The repositories of the proposer, bound to one transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.storage.candidates import CandidateRepository
from proposer.storage.declarations import DeclarationRepository
from proposer.storage.prompts import PromptStateRepository
from proposer.storage.proposals import ProposalRoundRepository
from proposer.storage.regressions import RegressionRepository


class ProposerRepository:
    """All tables of the proposer, read and written in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self.candidates = CandidateRepository(conn)
        self.declarations = DeclarationRepository(conn)
        self.prompts = PromptStateRepository(conn)
        self.proposals = ProposalRoundRepository(conn)
        self.regressions = RegressionRepository(conn)
