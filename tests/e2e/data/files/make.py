"""Makes frage-antwort.xlsx with openpyxl: python make.py"""

from pathlib import Path

import openpyxl

QUESTIONS = ["Wann ist offen?", "Wo ist der Laden?", "Was kostet das Brot?", "Gibt es Parkplätze?"]
ANSWERS = ["Von 8 bis 18 Uhr.", "Am Markt 3.", "Drei Euro.", "Ja, hinter dem Haus."]

workbook = openpyxl.Workbook()
sheet = workbook.active
sheet.title = "Kunden"
sheet.append(["Nr", "Frage", "Antwort"])
for row in range(24):
    sheet.append([row + 1, f"{QUESTIONS[row % 4]} ({row + 1})", ANSWERS[row % 4]])
notes = workbook.create_sheet("Notizen")
notes.append(["Thema", "Text"])
notes.append(["Stand", "Entwurf"])
workbook.save(Path(__file__).parent / "frage-antwort.xlsx")
