"""The repositories of the proposer, bound to one transaction."""

from sqlalchemy.ext.asyncio import AsyncConnection

from proposer.storage.bisections import RequestedBisectionRepository
from proposer.storage.candidates import CandidateRepository
from proposer.storage.declarations import DeclarationRepository
from proposer.storage.failed_answers import FailedAnswerRepository
from proposer.storage.instruction_runs import InstructionRunRepository
from proposer.storage.model_calls import ModelCallRepository
from proposer.storage.prompts import PromptStateRepository
from proposer.storage.proposals import ProposalRoundRepository
from proposer.storage.pull_requests import PullRequestRepository, RepositoryTextRepository
from proposer.storage.regressions import RegressionRepository
from proposer.storage.selection_pool import SelectionPoolRepository
from proposer.storage.tuning_schedules import TuningScheduleRepository
from proposer.storage.tuning_settings import TuningSettingsRepository


class ProposerRepository:
    """All tables of the proposer, read and written in the transaction of `conn`."""

    def __init__(self, conn: AsyncConnection) -> None:
        self.bisections = RequestedBisectionRepository(conn)
        self.candidates = CandidateRepository(conn)
        self.declarations = DeclarationRepository(conn)
        self.failed_answers = FailedAnswerRepository(conn)
        self.instructions = InstructionRunRepository(conn)
        self.model_calls = ModelCallRepository(conn)
        self.prompts = PromptStateRepository(conn)
        self.proposals = ProposalRoundRepository(conn)
        self.pool = SelectionPoolRepository(conn)
        self.pull_requests = PullRequestRepository(conn)
        self.regressions = RegressionRepository(conn)
        self.repository_texts = RepositoryTextRepository(conn)
        self.tuning = TuningSettingsRepository(conn)
        self.schedules = TuningScheduleRepository(conn)
