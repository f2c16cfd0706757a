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
    acc acceptance accuracy adherence alignment answerability appropriateness approval auc auroc bertscore bleu
    brevity chrf clarity cleanliness coherence completeness completion compliance conciseness confidence
    consistency conversion converted correctness coverage csat diversity empathy engagement enjoyment f1
    factfulness factuality faithfulness fluency following friendliness goodness grade groundedness grounding
    happiness happy harmlessness helpfulness honesty impartiality informativeness kindness like liked match
    meteor mrr ndcg neutrality nps persuasiveness politeness precision preference professionalism promoter
    quality readability recall relevance relevancy reliability resolution respectfulness retention reward
    robustness rouge safety satisfaction similarity solved speed success throughput trust trustworthiness
    truthfulness upvote upvoted usefulness validity win winrate
    """
)
"""Words in names of metrics of which more is better."""

LOWER_NAMES = BAD_LABELS - {"negative", "bad", "poor", "wrong", "angry"} | _words(
    """
    abandon abandoned abandonment abuse aggression aggressiveness anger angry annoyance annoyed attack bias
    blame bounce breach cer churn churned complained complaint complaints confusing confusion contamination
    contradiction controversiality cost crash criminality danger defect delay deviation disagree disagreement
    disapproval dislike dissatisfaction distance distress downvote downvoted duration elapsed error escalated
    escalation exception exposure fabrication failure flag flagged fraud frustration halluc hallucination
    handoff harassment harm harmfulness hate hostility illegality impoliteness inaccuracy incoherence
    incompleteness inconsistency incorrectness infringement injection insensitivity insult irrelevance
    irrelevancy issue jailbreak jailbroken lag latency leak leakage loss mae malice maliciousness manipulation
    mape misconduct misinformation misogyny mistake mse negativity nonsense obscenity offense offensiveness
    perplexity pii plagiarism ppl price problem profanity racism redundancy refusal refused regenerate
    regenerated regeneration regret rejection repetition reprompt requery retries retry risk rmse rudeness
    severity sexism spam stereotype stereotyping ter threat thumbsdown timeout toxicity ttft unfairness
    unfaithfulness unhelpfulness unlike unliked unrelated unsubscribe usd violation violence violent vulgarity
    vulnerability wer wrongness
    """
)
"""Words in names of metrics of which less is better."""

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
}
"""Several words that mean something together; plurals are given as their singular."""

NEGATIONS = _words("not no non without zero anti never isnt")
"""Words in front that turn a meaning round."""

OPPOSITES = _words("free absence avoidance prevention reduction drop decline decrease")
"""Nouns at the end that turn a meaning round: `toxicity_free`, `accuracy_drop`."""

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
