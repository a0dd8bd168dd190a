// `strftime_now`: Python's datetime.strftime in the C locale, for a local time.
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

/** @throws TemplateFault for a code that is not in `fields` */
export function strftime(format: string, time: Date): string {
  return format.replace(/%(-?)([\s\S]?)/g, (whole, bare: string, code: string) => {
    const field = Object.hasOwn(fields, code) ? fields[code] : undefined;
    if (field === undefined) {
      throw new TemplateFault(`strftime_now does not know ${whole}`);
    }
    const text = field(time);
    return bare === "-" ? text.replace(/^[0 ]+(?=\d)/, "") : text;
  });
}

const twoDigits = (value: number) => String(value).padStart(2, "0");
const dayName = (time: Date) => days[time.getDay()] ?? "";
const monthName = (time: Date) => months[time.getMonth()] ?? "";

const fields: Readonly<Record<string, (time: Date) => string>> = {
  Y: (time) => String(time.getFullYear()),
  y: (time) => twoDigits(time.getFullYear() % 100),
  m: (time) => twoDigits(time.getMonth() + 1),
  d: (time) => twoDigits(time.getDate()),
  e: (time) => String(time.getDate()).padStart(2, " "),
  j: (time) => String(dayOfYear(time)).padStart(3, "0"),
  B: monthName,
  b: (time) => monthName(time).slice(0, 3),
  A: dayName,
  a: (time) => dayName(time).slice(0, 3),
  H: (time) => twoDigits(time.getHours()),
  I: (time) => twoDigits(time.getHours() % 12 || 12),
  M: (time) => twoDigits(time.getMinutes()),
  S: (time) => twoDigits(time.getSeconds()),
  p: (time) => (time.getHours() < 12 ? "AM" : "PM"),
  F: (time) => strftime("%Y-%m-%d", time),
  T: (time) => strftime("%H:%M:%S", time),
  "%": () => "%",
};

function dayOfYear(time: Date): number {
  const start = Date.UTC(time.getFullYear(), 0, 1);
  const today = Date.UTC(time.getFullYear(), time.getMonth(), time.getDate());
  return (today - start) / 86_400_000 + 1;
}
