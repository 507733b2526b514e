"""Writes porter.tsv: stems of nltk's PorterStemmer in the mode ORIGINAL_ALGORITHM, for PorterStemmerTest.

    venv/bin/python porter.py > ../test/resources/porter.tsv
"""
import random

from nltk.stem.porter import PorterStemmer

STEMS = """relat condit ration valenc hesit digit conform radic differ vil analog vietnam predic oper feudal decis hope
callous formal sensit sensib triplic form electr hope good reviv allow infer airlin gyroscop adjust defens irrit replac
adjust depend adopt homolog commun activ angular effect bowdler prob rat ceas control roll hop fall hiss fizz fail fil
plaster bled motor sing conflat troubl siz sky happy boy cry tie pony caress cat generaliz oscillat abil univers tan
agre fe""".split()
ENDINGS = ["", "s", "es", "ies", "sses", "ed", "eed", "ing", "y", "ational", "tional", "enci", "anci", "izer", "abli",
           "alli", "entli", "eli", "ousli", "ization", "ation", "ator", "alism", "iveness", "fulness", "ousness", "aliti",
           "iviti", "biliti", "icate", "ative", "alize", "iciti", "ical", "ful", "ness", "al", "ance", "ence", "er", "ic",
           "able", "ible", "ant", "ement", "ment", "ent", "ion", "sion", "tion", "ou", "ism", "ate", "iti", "ous", "ive",
           "ize", "e", "le", "ll", "ling", "ling", "yed", "ying"]


def main():
    chance = random.Random(7)
    stemmer = PorterStemmer(mode="ORIGINAL_ALGORITHM")
    words = sorted({stem + ending for stem in STEMS for ending in ENDINGS})
    print("# made by src/interop/porter.py")
    for word in sorted(chance.sample(words, 1500)):
        print(word, stemmer.stem(word), sep="\t")


main()
