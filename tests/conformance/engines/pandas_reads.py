"""pandas, which knows no SQL, answers the same questions in its own words."""

import lake
import pandas

files, questions = lake.questions()


def read(table):
    """All files of a table as one frame."""
    return pandas.concat([pandas.read_parquet(path, partitioning=None) for path in files[table]])


def rows(frame):
    """The rows of a frame."""
    return frame.astype(object).where(frame.notna(), None).itertuples(index=False, name=None)


def by_day(history):
    kept = history[history.kind != 2]
    days = kept.assign(day=kept.time.dt.floor("D")).groupby(["type", "attribute", "day"])
    return days.agg(
        n=("entity", "size"),
        numbers=("number", "count"),
        total=("number", lambda numbers: numbers.sum(min_count=1)),
        low=("number", "min"),
        high=("number", "max"),
    ).reset_index()


def by_series(history):
    kept = history[(history.kind != 2) & (history.time >= pandas.Timestamp("2026-01-07", tz="UTC"))]
    kept = kept.assign(dataset=kept.dataset.astype(object).where(kept.dataset.notna(), ""))
    found = kept.groupby(["entity", "attribute", "dataset"]).agg(
        n=("kind", "size"), total=("number", lambda numbers: numbers.sum(min_count=1))
    )
    found = found.reset_index()
    return found.assign(dataset=found.dataset.where(found.dataset != "", None))


def last(history):
    kept = history[(history.kind != 2) & history.dataset.isna() & history.number.notna()]
    latest = kept.sort_values("time").groupby(["entity", "attribute"]).tail(1)
    return latest[["entity", "attribute", "time", "number"]].sort_values(["entity", "attribute"])


def texts(history):
    kept = history[history.text.notna() & (history.attribute != "location")]
    return kept.groupby(["attribute", "text"]).size().reset_index()


def kinds(history):
    is_deleted = history.kind == 2
    return pandas.DataFrame([[is_deleted.sum(), (~is_deleted).sum()]])


def trips(frame):
    days = frame.assign(day=frame["started"].dt.floor("D")).groupby(["line", "day"])
    return days.agg(
        n=("line", "size"), passengers=("passengers", "sum"), fare=("fare", "sum")
    ).reset_index()


answers = {}
for name in questions:
    table = "records.trips" if name == "trips" else "history"
    answers[name] = rows(globals()[name](read(table)))
lake.answer(answers)
