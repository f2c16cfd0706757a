"""The words by which metrics and labels are known. One list: names of metrics and words of labels both come from it."""


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


GOOD_LABELS = _words(
    """
    accept acceptable accepted accurate appropriate approved clear coherent complete compliant concise
    consistent correct excellent factual faithful fluent good great grounded harmless helpful honest liked ok
    okay pass passed perfect polite positive relevant resolved right safe satisfactory satisfied succeeded
    success successful supported trustworthy truthful unbiased useful valid
    """
)
"""Words of labels that judge an answer as good."""

BAD_LABELS = _words(
    """
    abusive angry awful bad biased contradictory dangerous disliked dissatisfied error fail failed failure
    frustrated hallucinated hallucination harmful hateful inaccurate inappropriate incoherent incomplete
    inconsistent incorrect insulting invalid irrelevant leaked malicious negative noncompliant nonfactual
    nonsensical obscene offensive poor racist reject rejected rude sexist terrible threatening toxic
    unacceptable unclear unfactual unfaithful ungrounded unhelpful unresolved unsafe unsatisfied unsuccessful
    unsupported untruthful unusable useless wrong
    """
)
"""Words of labels that judge an answer as bad."""

NEUTRAL_LABELS = frozenset(
    {"neutral", "n a", "na", "not applicable", "unsure", "unknown", "skip", "skipped", "undecided"}
)
"""Words of labels that judge nothing."""

HIGHER_NAMES = GOOD_LABELS - {"positive", "ok", "okay", "right", "supported"} | _words(
    """
    acc acceptance accuracy actionable adherence alignment answerability appropriateness approval auc auroc
    bertscore bleu brevity chrf clarity cleanliness coherence completeness completion compliance
    comprehensiveness conciseness confidence consistency conversion converted correctness coverage csat
    diversity empathy engagement enjoyment f1 factfulness factuality fairness faithfulness fluency following
    friendliness goodness grade grammaticality groundedness grounding happiness happy harmlessness helpfulness
    honesty impartiality informativeness kindness like liked match meteor mrr naturalness ndcg neutrality nps
    persuasiveness politeness precision preference professionalism promoter quality readability recall relevance
    relevancy reliability resolution respectfulness retention reward robustness rouge safety satisfaction
    similarity solved specificity speed success thoroughness throughput trust trustworthiness truthfulness
    unbiasedness upvote upvoted usefulness validity win winrate
    """
)
"""Words in names of metrics of which more is better."""

LOWER_NAMES = BAD_LABELS - {"negative", "bad", "poor", "wrong", "angry"} | _words(
    """
    abandon abandoned abandonment abuse aggression aggressiveness anger angry annoyance annoyed attack bias
    blame bounce breach cer chargeback churn churned complained complaint complaints confusing confusion
    contamination contradiction controversiality cost crash criminality danger deception defect delay deviation
    disagree disagreement disapproval discrimination dishonesty disinformation dislike dissatisfaction distance
    distress downvote downvoted dsat duration elapsed error escalated escalation evasiveness exception exposure
    fabricated fabrication failure fallback flag flagged fraud frustration gibberish halluc hallucinate
    hallucination handoff harassment harm harmfulness hate hostility illegality impoliteness inaccuracy incident
    incoherence incompleteness inconsistency incorrectness infringement injection insensitivity insult
    irrelevance irrelevancy issue jailbreak jailbroken lag latency leak leakage loss mae malformed malice
    maliciousness manipulation mape misconduct misinformation misleading mismatch misogyny mistake mse
    negativity nonsense nsfw obscenity offense offensiveness offtopic perplexity pii plagiarism ppl prejudice
    price problem profanity racism redundancy refusal refused regenerate regenerated regeneration regret
    rejection reopen reopened repetition reprompt requery retries retry risk rmse rudeness severity sexism spam
    spamminess stereotype stereotyping sycophancy sycophantic ter threat thumbsdown timeout toxicity truncated
    truncation ttft unanswered unfairness unfaithfulness unhelpfulness unlike unliked unrelated unsubscribe usd
    violation violence violent vulgarity vulnerability wer wrongness
    """
)
"""Words in names of metrics of which less is better."""

UNCLEAR = "unclear"
"""The direction of a phrase that names both ends, or means different things to different people."""

PHRASES = {
    "thumb down": "lower",
    "down vote": "lower",
    "vote down": "lower",
    "thumb up": "higher",
    "up vote": "higher",
    "vote up": "higher",
    "false positive": "lower",
    "false negative": "lower",
    "true positive": "higher",
    "true negative": "higher",
    "time to first token": "lower",
    "time to first byte": "lower",
    "response time": "lower",
    "self harm": "lower",
    "prompt injection": "lower",
    "word error rate": "lower",
    "character error rate": "lower",
    "edit distance": "lower",
    "exact match": "higher",
    "instruction following": "higher",
    "hit rate": "higher",
    "pass rate": "higher",
    "fail rate": "lower",
    "click through": "higher",
    "give up": "lower",
    "gave up": "lower",
    "human takeover": "lower",
    "attack success": "lower",
    "issue resolved": "higher",
    "issue resolution": "higher",
    "problem solved": "higher",
    "error recovery": "higher",
    "time to resolution": "lower",
    "resolution time": "lower",
    "noise sensitivity": "lower",
    "noise sensitivity relevant": "lower",
    "noise sensitivity irrelevant": "lower",
    "guardrail triggered": "lower",
    "guardrail tripped": "lower",
    "off topic": "lower",
    "on topic": "higher",
    "rage click": "lower",
    "attack blocked": "higher",
    "win loss": UNCLEAR,
    "like dislike": UNCLEAR,
    "good bad": UNCLEAR,
    "session duration": UNCLEAR,
    "perplexity score": UNCLEAR,
    "latency score": UNCLEAR,
    "cost score": UNCLEAR,
    "duration score": UNCLEAR,
}
"""Several words that mean something together; plurals are given as their singular."""

NEGATIONS = _words("not no non without zero anti never isnt dont doesnt didnt wasnt")
"""Words in front that turn a meaning round."""

OPPOSITES = _words(
    "free freedom absence avoidance prevention reduction drop decline decrease avoided prevented resistance resilience"
)
"""Words at the end, or in front of `of` and `from`, that turn a meaning round: `toxicity_free`, `absence_of_bias`."""

AMBIGUOUS_WORDS = _words(
    """
    absent acknowledge address appropriately avoid block catch correctly de deal delta detect explain fix flip
    handle identify inverse invert inverted minus mitigate neg prevent properly recover recovered reduce refuse
    resist resistant reverse reversed robust safely versus vs wrongly
    """
)
"""Words that may turn a quality round, or not: `avoids_bias`, `inverted_toxicity`, `accuracy_vs_baseline`."""

QUALIFIERS = _words(
    """
    binary boolean category citation claim class classification claude context cot criteria deepeval detected
    flag found gemini generation geval gpt graphic happened high in increase index intent json label langfuse
    langsmith level likelihood llama max maximum measure median millisecond min minimum mlflow ms needed number
    occurred occurrence on openai p percentile phoenix point presence present prob probability promptfoo qa
    ragas raw reason request required risk s sec second session severity share step sum token triggered tripped
    trulens turn usd used with
    """
)
"""Words after a quality that leave its direction alone: `toxicity_max`, `hallucination_detected`, `latency_p95`."""

NEGATIVE_MODIFIERS = _words("negative bad poor wrong low lack missing weak false lower")
POSITIVE_MODIFIERS = _words("positive high strong")

OPINIONS = _words(
    """
    evaluation feedback grade like opinion rating reaction result reward score star thumb value verdict vote
    """
)
"""Names of opinions in general: more is better where nothing else is said."""

AFFIXES = _words(
    """
    a ai all an answer app assistant auto automatic average avg bot by chat chatbot client count customer end
    eval evaluated evaluator explicit final from gpt has human implicit is judge judged latest llm manual mean
    metric model my of output overall pct per percent percentage rate ratio reply response reviewer the total
    user users was
    """
)
"""Words in names that say who judged, or how it was summed up, and nothing of what is good."""
