"""Writes algebra.tsv: pairs of expressions in LaTeX that sympy calls equal or different, for MathGraderTest.

    python3 -m venv venv && venv/bin/pip install sympy==1.14.0
    venv/bin/python algebra.py > ../test/resources/algebra.tsv
"""
import random

import sympy
from sympy import I, Rational, expand, factor, latex, pi, radsimp, sqrt, symbols, together

x, y, n = symbols("x y n", positive=True)
chance = random.Random(7)


def number():
    return chance.choice([Rational(chance.randint(-9, 9), chance.randint(1, 6)), sqrt(chance.choice([2, 3, 5, 6, 8, 12, 18])),
                          pi, Rational(chance.randint(1, 9)), I])


def leaf(variables):
    return chance.choice([x, y, n, number()]) if variables else number()


def expression(depth, variables):
    if depth == 0:
        return leaf(variables)
    kind = chance.randrange(6)
    left = expression(depth - 1, variables)
    if kind < 2:
        return left + expression(depth - 1, variables)
    if kind < 4:
        return left * expression(depth - 1, variables)
    if kind == 4:
        below = expression(depth - 1, variables)
        return left / below if below != 0 else left
    return left ** chance.choice([2, 3])


def main():
    print("# made by src/interop/algebra.py: expression, expression, equal")
    done = 0
    while done < 400:
        variables = chance.random() < 0.6
        one = expression(chance.choice([1, 2, 2, 3]), variables)
        if one.has(sympy.zoo, sympy.nan, sympy.oo) or len(latex(one)) > 200:
            continue
        other = chance.choice([expand, factor, together, radsimp, sympy.simplify, lambda e: e.subs(x, x)])(one)
        equal = True
        if chance.random() < 0.5:
            changed = other + chance.choice([1, -1, Rational(1, 7), sqrt(2), x if variables else pi])
            changed = chance.choice([changed, other * 2, -other, other * sqrt(3)])
            equal = sympy.simplify(changed - one) == 0
            other = changed
        if other.has(sympy.zoo, sympy.nan, sympy.oo) or len(latex(other)) > 200:
            continue
        values = {x: 0.37, y: 1.91, n: 2.3}
        a, b = complex(one.subs(values).evalf(30)), complex(other.subs(values).evalf(30))
        # sympy's decision and figures must agree, so that the table itself is right
        if (abs(a - b) < 1e-12 * (1 + abs(a))) != equal:
            continue
        print(latex(one), latex(other), equal, sep="\t")
        done += 1


main()
