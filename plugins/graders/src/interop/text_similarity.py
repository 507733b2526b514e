"""Writes text-similarity.tsv: what nltk, rouge-score and rapidfuzz say about pairs of texts, for TextSimilarityTest.

    python3 -m venv venv && venv/bin/pip install nltk==3.10.4 rouge-score==0.1.2 rapidfuzz==3.14.6 scikit-learn==1.9.1
    venv/bin/python text_similarity.py > ../test/resources/text-similarity.tsv
"""
import json
import random
import sys

from nltk.stem.porter import PorterStemmer
from nltk.tokenize import wordpunct_tokenize
from nltk.translate.bleu_score import SmoothingFunction, sentence_bleu
from nltk.translate.gleu_score import sentence_gleu
from nltk.translate.meteor_score import single_meteor_score
from rapidfuzz import fuzz
from rouge_score import rouge_scorer
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.metrics.pairwise import cosine_similarity


class NoSynonyms:
    """Stands in for WordNet, which we do not ask."""

    def synsets(self, word):
        return []


STEMMER = PorterStemmer(mode="ORIGINAL_ALGORITHM")
ROUGE = rouge_scorer.RougeScorer([f"rouge{n}" for n in (1, 2, 3, 4, 5)] + ["rougeL"])


def cosine(given, right):
    counts = CountVectorizer(token_pattern=r"(?u)[^\W_]+")
    try:
        vectors = counts.fit_transform([given, right])
    except ValueError:  # no word in either
        return 0.0
    return float(cosine_similarity(vectors)[0, 1])


def figures(given, right):
    a, b = wordpunct_tokenize(given), wordpunct_tokenize(right)
    rouge = ROUGE.score(right, given)
    yield "cosine", cosine(given, right)
    yield "fuzzy_match", fuzz.ratio(given, right) / 100
    yield "bleu", sentence_bleu([b], a, smoothing_function=SmoothingFunction().method4) if a else 0.0
    yield "gleu", sentence_gleu([b], a) if a or b else 0.0
    yield "meteor", single_meteor_score(b, a, stemmer=STEMMER, wordnet=NoSynonyms()) if a and b else 0.0
    for n in (1, 2, 3, 4, 5):
        yield f"rouge_{n}", rouge[f"rouge{n}"].fmeasure
    yield "rouge_l", rouge["rougeL"].fmeasure


WORDS = """the a cat cats sat sitting on mat mats of and red reddish house houses quickly quick runs running ran jumped
jumps over lazy dog dogs answer answers is are was 42 7 3.14 , . ! ? ; happily happiness relational conditional
rational national hopping hopped falling hissing agreed feed plastered motoring oscillate generalization""".split()
PAIRS = [
    ("", ""), ("", "a"), ("a", ""), ("a", "a"), ("a", "b"), ("The cat sat on the mat.", "The cat sat on the mat."),
    ("the cat sat on the mat", "The Cat is sitting on a mat!"), ("on the mat sat the cat", "the cat sat on the mat"),
    ("It is a guide to action which ensures that the military always obeys the commands of the party",
     "It is a guide to action that ensures that the military will forever heed Party commands"),
    ("the the the the the the the", "the cat is on the mat"), ("answer: 42", "The answer is 42."),
    ("Sch\u00f6ne Gr\u00fc\u00dfe aus M\u00fcnchen", "sch\u00f6ne Gr\u00fcsse aus M\u00fcnchen"),
    ("caf\u00e9 au lait \U0001f600", "cafe au lait \U0001f600\U0001f600"), ("...", "?!"), ("a_b c", "a b c"),
    ("one\ttwo\nthree", "one two three"), ("x" * 200, "x" * 150 + "y" * 50),
]


def main():
    chance = random.Random(7)
    pairs = list(PAIRS)
    for _ in range(60):
        right = [chance.choice(WORDS) for _ in range(chance.randint(1, 40))]
        given = list(right)
        for _ in range(chance.randint(0, 12)):
            place = chance.randrange(len(given) + 1)
            change = chance.random()
            if change < 0.4:
                given.insert(place, chance.choice(WORDS))
            elif change < 0.7 and place < len(given):
                del given[place]
            elif place < len(given):
                given[place] = chance.choice(WORDS)
        if chance.random() < 0.3:
            chance.shuffle(given)
        pairs.append((" ".join(given), " ".join(right)))
    print("# made by src/interop/text_similarity.py: input, reference, metric, value")
    for given, right in pairs:
        for metric, value in figures(given, right):
            # rouge-score knows ASCII only
            if metric.startswith("rouge") and not (given + right).isascii():
                continue
            print(json.dumps(given), json.dumps(right), metric, repr(float(value)), sep="\t")


if __name__ == "__main__":
    sys.exit(main())
