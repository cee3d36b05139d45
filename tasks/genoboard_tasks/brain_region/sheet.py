"""Sheet: a small table beside the expression values, all of it text, every row as long as the line of column names."""

from __future__ import annotations

import csv
from contextlib import closing
from pathlib import Path

import pandas as pd

from genoboard import DataError

from ..packed import lines

MOST_ROWS = 1_000_000


def read_sheet(path: Path, tabs: bool = False) -> pd.DataFrame:
    """Read CSV or, with `tabs`, tab-separated text in which a quotation mark is one like any other letter.

    Raises
    ------
    DataError
        Naming the line, where it has too few or too many cells, or is no CSV; and where two columns have one name.
    """
    # closed at once where a line is refused
    with closing(lines(path, "replace" if tabs else "strict")) as text:
        reader = csv.reader(text, "excel-tab", quoting=csv.QUOTE_NONE) if tabs else csv.reader(text, strict=True)
        try:
            names = [name.strip() or f"Unnamed: {i}" for i, name in enumerate(next(reader, []))]
            rows: list[list[str]] = []
            for cells in reader:
                if len(rows) == MOST_ROWS:
                    raise DataError(f"{path} has over {MOST_ROWS:,} rows, more than there are samples or genes. Get the file again.")
                if len(cells) == len(names):
                    rows.append(cells)
                elif cells:
                    raise DataError(
                        f"{path}, line {reader.line_num} has {len(cells)} cells, the line of column names has {len(names)}. "
                        + ("Get the file again." if tabs else "Put a name with a comma in double quotes.")
                    )
        except csv.Error as error:
            raise DataError(
                f"{path}, line {reader.line_num} is not readable as a table: {error}. Mend the line, or get the file again."
            ) from error
    if not names:
        raise DataError(f"{path} is empty. It needs a line of column names, and one line for each row.")
    twice = next((name for i, name in enumerate(names) if name in names[:i]), None)
    if twice is not None:
        places = [i + 1 for i, name in enumerate(names) if name == twice]
        raise DataError(
            f"{path}: columns {' and '.join(map(str, places))} are both called {twice[:80]}. Every column needs a name of its own."
        )
    return pd.DataFrame(rows, columns=pd.Index(names, dtype="str"), dtype="str")
