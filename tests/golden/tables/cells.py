"""Writes two workbooks with cells of every kind, and what openpyxl reads of them.

    pip install openpyxl
    python tests/golden/tables/cells.py

Workbooks of both date systems go to tests/golden/tables/cells, values to cells/expected.json.
"""

import datetime as dt
import io
import json
import re
import zipfile
from pathlib import Path

import openpyxl
from openpyxl.cell.rich_text import CellRichText, TextBlock
from openpyxl.cell.text import InlineFont
from openpyxl.utils.datetime import CALENDAR_MAC_1904, CALENDAR_WINDOWS_1900

folder = Path(__file__).parent / "cells"
rich = CellRichText("A ", TextBlock(InlineFont(b=True), "bold"), " word")

# Name, value, number format.
cells = [
    ("day", dt.date(2024, 2, 29), None),
    ("day and time", dt.datetime(2024, 2, 29, 13, 5, 7), None),
    ("half a second", dt.datetime(2024, 2, 29, 13, 5, 7, 500000), None),
    ("german day", dt.datetime(2024, 2, 29), "dd.mm.yyyy"),
    ("month in words", dt.datetime(2024, 2, 29), "[$-407]mmmm yy"),
    ("early day", dt.date(1904, 1, 5), None),
    ("time", dt.time(13, 5), None),
    ("midnight", dt.time(0, 0), "hh:mm:ss"),
    ("duration", dt.timedelta(hours=30, minutes=5), "[h]:mm:ss"),
    ("number", 45351, "0.00"),
    ("red number", 7, "[Red]0"),
    ("number with days", 5, '0 "days"'),
    ("percent", 0.25, "0%"),
    ("decimal", 0.1, None),
    ("true", True, None),
    ("false", False, None),
    ("no value", "#N/A", None),
    ("division", "#DIV/0!", None),
    ("rich text", rich, None),
    ("spaces", "  two  ", None),
    ("lines", "one\ntwo", None),
    ("digits", "007", None),
    ("shared", "a shared text", None),
    ("shared rich", "a shared text", None),
    ("formula", "=1+1", None),
    ("formula of text", '="a"&"b"', None),
]
# Excel keeps texts beside the sheet; the reading of Japanese ones is no part of the text.
shared = """<sst xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" count="2" uniqueCount="2">
<si><t xml:space="preserve"> shared text </t></si>
<si><r><t xml:space="preserve">東京 </t></r><r><rPr><b/></rPr><t>bold</t></r><rPh sb="0" eb="2"><t>トウキョウ</t></rPh></si>
</sst>"""
stored = {"=1+1": (2, ""), '="a"&"b"': ("ab", ' t="str"')}


def write(name, epoch):
    book = openpyxl.Workbook()
    book.epoch = epoch
    sheet = book.active
    sheet.title = "Cells"
    sheet.append(["prompt", "completion", "note"])
    for prompt, value, number_format in cells:
        sheet.append([prompt, value, "kept"])
        if number_format:
            sheet.cell(sheet.max_row, 2).number_format = number_format
    sheet.append(["merged", "over two", None])
    sheet.merge_cells(start_row=sheet.max_row, start_column=2, end_row=sheet.max_row, end_column=3)
    sheet.append(["merged down", "first", None])
    sheet.append([None, "second", None])
    sheet.merge_cells(
        start_row=sheet.max_row - 1, start_column=1, end_row=sheet.max_row, end_column=1
    )
    for title, state in [("Hidden", "hidden"), ("Very hidden", "veryHidden"), ("Other", "visible")]:
        other = book.create_sheet(title)
        other.append(["prompt", "completion"])
        other.append(["a", "b"])
        other.sheet_state = state
    packed = io.BytesIO()
    book.save(packed)
    path = folder / f"{name}.xlsx"
    patch(packed, path)
    return path


# What names the part of shared texts, before the end of the part that names it.
office = "application/vnd.openxmlformats-officedocument.spreadsheetml.sharedStrings+xml"
relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships/sharedStrings"
named = {
    "[Content_Types].xml": {
        "</Types>": f'<Override PartName="/xl/sharedStrings.xml" ContentType="{office}"/>'
    },
    "xl/_rels/workbook.xml.rels": {
        "</Relationships>": f'<Relationship Id="rIdTexts" Type="{relation}" Target="/xl/sharedStrings.xml"/>'
    },
}


def add(archive, name, part):
    archive.writestr(zipfile.ZipInfo(name), part, zipfile.ZIP_DEFLATED)


def patch(packed, path):
    """Values of formulas and shared texts, as Excel keeps them: openpyxl writes neither."""
    with zipfile.ZipFile(packed) as before, zipfile.ZipFile(path, "w") as after:
        for info in before.infolist():
            part = before.read(info)
            if info.filename == "xl/worksheets/sheet1.xml":
                part = patched(part.decode()).encode()
            for end, addition in named.get(info.filename, {}).items():
                part = part.replace(end.encode(), (addition + end).encode())
            add(after, info.filename, part)
        add(after, "xl/sharedStrings.xml", shared)


def patched(xml):
    for formula, (value, kind) in stored.items():
        text = formula[1:].replace("&", "&amp;")
        xml, count = re.subn(
            r'<c r="(\w+)"><f>' + re.escape(text) + r"</f><v ?/></c>",
            rf'<c r="\1"{kind}><f>{text}</f><v>{value}</v></c>',
            xml,
        )
        assert count == 1, formula
    for index, name in enumerate(["shared", "shared rich"]):
        row = 2 + [name for name, _, _ in cells].index(name)
        xml, count = re.subn(
            rf'<c r="B{row}" t="inlineStr"><is><t>a shared text</t></is></c>',
            f'<c r="B{row}" t="s"><v>{index}</v></c>',
            xml,
        )
        assert count == 1, name
    return xml


def plain(value):
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return str(value) if isinstance(value, (dt.date, dt.time)) else value


def main():
    folder.mkdir(exist_ok=True)
    expected = {}
    for name, epoch in [("1900", CALENDAR_WINDOWS_1900), ("1904", CALENDAR_MAC_1904)]:
        sheet = openpyxl.load_workbook(write(name, epoch), data_only=True)["Cells"]
        rows = list(sheet.iter_rows(min_row=2, values_only=True))
        expected[name] = [[plain(value) for value in row] for row in rows]
    (folder / "expected.json").write_text(json.dumps(expected, ensure_ascii=False, indent=1) + "\n")


main()
