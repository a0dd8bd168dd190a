"""Writes small tables with pandas, pyarrow, datasets and openpyxl, and what datasets reads of them.

    pip install datasets==5.2.0 pandas pyarrow openpyxl
    python tests/golden/tables/make.py

Files go to tests/golden/tables/files, rows to tests/golden/tables/expected.json.
"""

import gzip
import io
import json
import shutil
import tempfile
import zipfile
from pathlib import Path

import datasets
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

here = Path(__file__).parent
folder = here / "files"
call = {"type": "function", "function": {"name": "sew", "arguments": {"what": "a coat"}}}
tool = {"type": "function", "function": {"name": "sew", "parameters": {"type": "object"}}}

shapes = {
    "completion": [
        {"prompt": "Who sews?", "completion": " A “tailor”, says he.\nAnd well."},
        {"prompt": "Wer näht? 😀", "completion": '{"answer": "ein Schneider"}'},
        {"prompt": "", "completion": "  two spaces, and a tab\t"},
    ],
    "messages": [
        {
            "id": 2**53 + 1,
            "messages": [
                {"role": "system", "content": "Be brief."},
                {"role": "user", "content": "Sew; \"please\", 'now'."},
                {"role": "assistant", "content": "", "tool_calls": [call]},
                {"role": "tool", "content": "done", "name": "sew"},
                {"role": "assistant", "content": "It is sewn."},
            ],
            "tools": [tool],
        },
        {
            "id": 2,
            "messages": [
                {"role": "user", "content": "Hi"},
                {"role": "assistant", "content": "Hello."},
            ],
            "tools": [],
        },
    ],
    "conversations": [
        {"conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "Höy."}]},
        {"conversations": [{"from": "human", "value": ""}, {"from": "gpt", "value": "x\r\ny"}]},
    ],
    "alpaca": [
        {
            "instruction": "Sew.",
            "input": "cloth",
            "output": "A coat.",
            "history": [["Hi", "Hello."], ["Who?", "I."]],
        },
        {"instruction": "Sum 1.", "input": "", "output": "007", "history": []},
    ],
    "text": [{"text": "One paragraph\nof two lines."}, {"text": "# Two"}, {"text": "- three, four"}],
}
json_columns = ["messages", "tools", "conversations", "history"]
expected = {}


def plain(value):
    """bytes and dates do not occur; what is left is JSON."""
    return json.loads(json.dumps(value, default=str))


def expect(name, kind, **options):
    cache = tempfile.mkdtemp()
    data = datasets.load_dataset(
        kind, data_files=str(folder / name), split="train", cache_dir=cache, **options
    )
    expected[name] = {"by": f"datasets, {kind}", "rows": plain(data.to_list())}
    shutil.rmtree(cache)


def gz(name):
    with open(folder / f"{name}.gz", "wb") as file:
        file.write(gzip.compress((folder / name).read_bytes(), mtime=0))
    expected[f"{name}.gz"] = expected[name]


def write_json(shape, rows):
    data = datasets.Dataset.from_list(rows)
    frame = pd.DataFrame(rows)
    data.to_json(folder / f"{shape}-datasets.jsonl")
    expect(f"{shape}-datasets.jsonl", "json")
    gz(f"{shape}-datasets.jsonl")
    text = "\n".join(json.dumps(row, ensure_ascii=True, indent=2) for row in rows)
    (folder / f"{shape}-pretty.jsonl").write_text(text)
    expected[f"{shape}-pretty.jsonl"] = {"by": "json", "rows": rows}
    for name, text in {
        "list.json": json.dumps(rows, indent=1),
        "wrapped.json": json.dumps({"version": "1", "data": rows}, ensure_ascii=False),
        "columns.json": json.dumps(data.to_dict()),
        "pandas.json": frame.to_json(),
        "pandas-records.json": frame.to_json(orient="records", force_ascii=False),
        "pandas-split.json": frame.to_json(orient="split"),
        "pandas-index.json": frame.to_json(orient="index"),
    }.items():
        (folder / f"{shape}-{name}").write_text(text)
        expected[f"{shape}-{name}"] = {"by": "json", "rows": rows}
    expect(f"{shape}-list.json", "json")
    gz(f"{shape}-list.json")


def as_cells(rows):
    return pd.DataFrame(
        [
            {
                key: json.dumps(value) if key in json_columns else value
                for key, value in row.items()
            }
            for row in rows
        ]
    )


def write_csv(shape, rows):
    cells = as_cells(rows)
    cells.to_csv(folder / f"{shape}.csv", index=False)
    cells.to_csv(folder / f"{shape}-index.csv")
    cells.to_csv(folder / f"{shape}.tsv", sep="\t", index=False)
    cells.to_csv(folder / f"{shape}-excel.csv", sep=";", index=False, encoding="utf-16")
    # Without features datasets reads the text "007" as the number 7.
    text = datasets.Features({column: datasets.Value("string") for column in cells})
    expect(f"{shape}.csv", "csv", features=text)
    gz(f"{shape}.csv")
    for name in ["-index.csv", ".tsv", "-excel.csv"]:
        expected[shape + name] = expected[f"{shape}.csv"]


def write_parquet(shape, rows):
    data = datasets.Dataset.from_list(rows)
    data.to_parquet(folder / f"{shape}-datasets.parquet")
    expect(f"{shape}-datasets.parquet", "parquet")
    gz(f"{shape}-datasets.parquet")
    table = pa.Table.from_pylist(rows)
    for codec in ["gzip", "zstd", "brotli", "lz4", "none"]:
        name = f"{shape}-{codec}.parquet"
        pq.write_table(table, folder / name, compression=codec, row_group_size=1)
        expect(name, "parquet")
    frame = pd.DataFrame(rows, index=[f"r{i}" for i in range(len(rows))])
    frame.to_parquet(folder / f"{shape}-pandas.parquet")
    expect(f"{shape}-pandas.parquet", "parquet")


def write_excel(shape, rows):
    as_cells(rows).to_excel(folder / f"{shape}.xlsx", index=False)
    read = pd.read_excel(folder / f"{shape}.xlsx", keep_default_na=False, dtype=str)
    expected[f"{shape}.xlsx"] = {"by": "pandas", "rows": read.to_dict("records")}


def write_workbook_parts():
    """The parts of a workbook, which the fuzz run changes one by one."""
    parts = here / "workbook"
    parts.mkdir(exist_ok=True)
    book = io.BytesIO()
    as_cells(shapes["alpaca"]).to_excel(book, index=False)
    with zipfile.ZipFile(book) as archive:
        for name, part in {
            "sheet.xml": "xl/worksheets/sheet1.xml",
            "styles.xml": "xl/styles.xml",
            "workbook.xml": "xl/workbook.xml",
            "types.xml": "[Content_Types].xml",
            "rels.xml": "_rels/.rels",
            "workbook-rels.xml": "xl/_rels/workbook.xml.rels",
        }.items():
            (parts / name).write_bytes(archive.read(part))


def write_text(rows):
    (folder / "text.txt").write_text("\n\n".join(row["text"] for row in rows) + "\n")
    expect("text.txt", "text", sample_by="paragraph")
    gz("text.txt")


def main():
    datasets.disable_progress_bars()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for shape, rows in shapes.items():
        write_json(shape, rows)
        write_csv(shape, rows)
        write_parquet(shape, rows)
        write_excel(shape, rows)
    write_text(shapes["text"])
    write_workbook_parts()
    # A Sequence of a struct was stored as a struct of lists by datasets before 4.
    turns = [{"role": ["user", "assistant"], "content": ["Hi", "Hello."]}]
    pq.write_table(pa.table({"messages": turns}), folder / "sequence.parquet")
    rows = [{"messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello."}]}]
    expected["sequence.parquet"] = {"by": "datasets 3", "rows": rows}
    (here / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


main()
