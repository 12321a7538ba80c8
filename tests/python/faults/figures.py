"""The figures of a run, as tables for people."""


class Table:
    """Rows under a head; printed when all tests are over."""

    def __init__(self, *head):
        self.head = head
        self.rows = []

    def __str__(self):
        """Columns as wide as they need to be, numbers to the right."""
        cells = [[str(cell) for cell in row] for row in (self.head, *self.rows)]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        lines = []
        for name, *rest in cells:
            numbers = [cell.rjust(width) for cell, width in zip(rest, widths[1:], strict=True)]
            lines.append("  ".join([name.ljust(widths[0]), *numbers]))
        return "\n".join(lines)


LOSSES = Table("run", "sent", "answered", "victims' own", "unserved", "others", "mixed up", "kills")
MEMORY = Table("process", "requests", "RSS KiB", "PSS KiB", "descriptors")
TABLES = (LOSSES, MEMORY)


def note(name, house, result):
    """Sorts the losses, and returns them: the killed workers' own, those never begun, and what nobody explains.

    A request is a victim's own when it was the last that a thread of it had begun. One that was never begun was on its way
    to the victim: its connection ended before anything was answered, and it can be sent again.
    """
    last, begun = house.last_words(), house.begun()
    own = result.broken() & last
    unserved = {token for token in result.lost["unanswered"] if token not in begun}
    others = [f"{token} broke" for token in result.broken() - own - unserved] + result.others()
    row = (name, result.sent, result.answered, len(own), len(unserved), len(others))
    LOSSES.rows.append((*row, len(result.lost["wrong"]), len(house.killed)))
    return own, unserved, others


def note_samples(name, requests, house):
    """What the master and each worker hold now, by process id."""
    samples = house.samples()
    for number, sample in enumerate(samples.values()):
        role = f"worker {number}" if number else "master"
        MEMORY.rows.append((f"{name}, {role}", requests, sample.rss, sample.pss, sample.descriptors))
    return samples
