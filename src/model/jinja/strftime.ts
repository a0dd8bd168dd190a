// `strftime_now`: Python's datetime.strftime in the C locale, for a time without a zone.
import { TemplateFault } from "./values.ts";

const days = ["Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"];
const months = [
  "January",
  "February",
  "March",
  "April",
  "May",
  "June",
  "July",
  "August",
  "September",
  "October",
  "November",
  "December",
];

export function strftime(format: string, time: Date): string {
  return format.replace(/%(-?)([\s\S]?)/g, (whole, bare: string, code: string) => {
    const text = field(code, time);
    if (text === null) {
      throw new TemplateFault(`strftime_now does not know ${whole}`);
    }
    return bare === "-" ? text.replace(/^[0 ]+(?=\d)/, "") : text;
  });
}

function field(code: string, time: Date): string | null {
  const two = (value: number) => String(value).padStart(2, "0");
  const year = String(time.getFullYear());
  const day = days[time.getDay()] ?? "";
  const month = months[time.getMonth()] ?? "";
  const hour12 = time.getHours() % 12 || 12;
  switch (code) {
    case "Y":
      return year;
    case "y":
      return two(time.getFullYear() % 100);
    case "m":
      return two(time.getMonth() + 1);
    case "d":
      return two(time.getDate());
    case "e":
      return String(time.getDate()).padStart(2, " ");
    case "B":
      return month;
    case "b":
    case "h":
      return month.slice(0, 3);
    case "A":
      return day;
    case "a":
      return day.slice(0, 3);
    case "w":
      return String(time.getDay());
    case "u":
      return String(time.getDay() || 7);
    case "j":
      return String(dayOfYear(time)).padStart(3, "0");
    case "H":
      return two(time.getHours());
    case "I":
      return two(hour12);
    case "M":
      return two(time.getMinutes());
    case "S":
      return two(time.getSeconds());
    case "f":
      return String(time.getMilliseconds() * 1000).padStart(6, "0");
    case "p":
      return time.getHours() < 12 ? "AM" : "PM";
    case "F":
      return strftime("%Y-%m-%d", time);
    case "T":
    case "X":
      return strftime("%H:%M:%S", time);
    case "R":
      return strftime("%H:%M", time);
    case "D":
    case "x":
      return strftime("%m/%d/%y", time);
    case "c":
      return strftime("%a %b %e %H:%M:%S %Y", time);
    case "z":
    case "Z":
      return "";
    case "%":
      return "%";
    default:
      return null;
  }
}

function dayOfYear(time: Date): number {
  const start = Date.UTC(time.getFullYear(), 0, 1);
  const today = Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  return (today - start) / 86_400_000 + 1;
}
