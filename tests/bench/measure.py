"""Workers that take turns, and what their samples say."""
import operator
import random
import statistics
import subprocess
import sys
import time

RESAMPLES = 2000


class Worker:
    """One of tests/bench/*.c: each sample() is a line to it and a line of times (µs) from it."""

    def __init__(self, *command, **options):
        self.process = subprocess.Popen([str(part) for part in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1, **options)

    def sample(self):
        self.process.stdin.write("\n")
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError("%s ended with %d" % (self.process.args, self.process.wait()))
        return [float(number) for number in line.split()]

    def close(self):
        self.process.stdin.close()
        self.process.wait()
        self.process.stdout.close()


class FreshWorker:
    """The same, but each sample() is the first one of a new process."""

    def __init__(self, *command, **options):
        self.command, self.options = command, options

    def sample(self):
        worker = Worker(*self.command, **self.options)
        try:
            return worker.sample()
        finally:
            worker.close()

    def close(self):
        pass


def take_turns(name, workers, rounds, pause=0.0):
    """Lets every worker take `rounds` samples, in turns, each round in the other order. Returns a list for each worker: the
    median of each of its rounds. A first round warms up and isn't counted."""
    medians = [[] for _ in workers]
    order = list(range(len(workers)))
    try:
        for count in range(rounds + 1):
            progress("%s: %d of %d" % (name, count, rounds))
            for index in order:
                time.sleep(pause)
                median = statistics.median(workers[index].sample())
                if count > 0:
                    medians[index].append(median)
            order.reverse()
    finally:
        for worker in workers:
            worker.close()
        progress("")
    return medians


def quartiles(values):
    """(first quartile, median, third quartile)"""
    return tuple(statistics.quantiles(values, n=4, method="inclusive")) if len(values) > 1 else (values[0],) * 3


def resampled(ours, theirs, figure):
    """(low, figure, high): figure(our median, their median), and its 95 % interval by resampling the rounds. Rounds stay
    whole: what was measured side by side stays so."""
    pairs = list(zip(ours, theirs))
    chance = random.Random(1)
    figures = []
    for _ in range(RESAMPLES):
        sample = chance.choices(pairs, k=len(pairs))
        figures.append(figure(statistics.median(pair[0] for pair in sample), statistics.median(pair[1] for pair in sample)))
    figures.sort()
    edge = RESAMPLES // 40
    return figures[edge], figure(statistics.median(ours), statistics.median(theirs)), figures[-edge - 1]


def ratio(ours, theirs):
    return resampled(ours, theirs, operator.truediv)


def difference(ours, theirs):
    return resampled(ours, theirs, operator.sub)


def progress(text):
    """One line on a terminal, written over by the next; nothing elsewhere."""
    if sys.stderr.isatty():
        sys.stderr.write("\r\x1b[K%s" % text)
        sys.stderr.flush()
