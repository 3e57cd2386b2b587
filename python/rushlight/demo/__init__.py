"""The pieces of `python -m rushlight`, and an example of good use: rushlight's public API is all they call.

job.py      the order of things and the command line (options.py)
edges.py    learn the kernel that finds vertical edges
digits.py   scikit-learn's handwritten digits, split; classifier.py: a small CNN and its training
race.py     native against NumPy against plain Python loops, timed
figure.py   everything in one picture;  console.py: headings, tables, progress
"""
