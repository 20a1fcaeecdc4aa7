"""Runs the frame walk over stream rows made by hand, and gathers all that it writes."""

from analyzer.findings import KINDS
from analyzer.websocket import frames as layout
from analyzer.websocket._frames import FrameWalk
from analyzer.websocket.kept_rows import keep, replayed

CLIENT, SERVER = 0, 1


class NoSeeker:
    """Notes what the walk shows; never finds anything, and takes payload for payload."""

    def __init__(self):
        self.shown = []
        self.doubted = False

    def show(self, walk, row, at, records):
        if self.doubted:
            self.doubted = False
            state = walk.rows("walks")[int(row["direction"])]
            state["mode"], state["trusted"] = layout.PAYLOAD, 1
            return replayed([keep(row, at, records)], records)
        self.shown.append((int(row["direction"]), at))
        return None

    def doubt_payload(self, walk, row):
        self.doubted = True

    def is_frame(self, walk, row, at, had, records):
        return True


def opened(slots=1, preview=16, pending=1024, seeker=None, **fields):
    walk = FrameWalk(preview, pending, seeker or NoSeeker())
    walk.reserve(slots)
    rows = walk.rows("walks")
    for slot in range(slots):
        for side in (CLIENT, SERVER):
            row = rows[2 * slot + side]
            row["connection"] = slot
            row["sender"] = side
            row["mode"] = layout.HEADER
            for name, value in fields.items():
                row[name] = value
    return walk


class Result:
    """Everything that a walk gave, over all its batches."""

    def __init__(self):
        self.frames, self.messages, self.oddities, self.controls = [], [], [], []
        self.previews, self.data, self.fragments = [], {}, []

    def kinds(self):
        return [KINDS[row["kind"]].id for row in self.oddities]


def run(walk, stream, size=None, end=True, slots=1):
    result = Result()
    batches = stream.batches(size)
    for number, (rows, records) in enumerate(batches):
        walk.begin_batch()
        walk.walk(rows, records)
        if end and number == len(batches) - 1:
            for slot in range(slots):
                walk.flush(slot)
        data = records.data
        for row in walk.rows("fragments"):
            piece = (
                b""
                if row["start"] < 0
                else bytes(data[row["start"] : row["start"] + row["length"]])
            )
            result.fragments.append((row.copy(), piece))
        kept = walk.rows("control_bytes").tobytes()
        for row in walk.rows("controls"):
            result.controls.append(kept[row["start"] : row["start"] + row["length"]])
        done = walk.finished()
        pool = walk.rows("pool")
        previews = walk.preview_rows()
        for place in done:
            if pool[place]["opcode"] != 255:
                result.messages.append(pool[place].copy())
                result.previews.append(bytes(previews[place][: pool[place]["preview_bytes"]]))
        walk.recycle()
        result.frames += [row.copy() for row in walk.rows("frames")]
        result.oddities += [row.copy() for row in walk.rows("oddities")]
    return result
