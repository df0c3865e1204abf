/** C's `strftime` in English and local time, with glibc's `%-d` and its like. */
const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday']
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December']
const DAY_MS = 86_400_000

/** A number, its width, and what fills it. */
type Part = string | readonly [value: number, width: number, fill?: string]

const dayOfYear = (time: Date): number =>
  Math.round((Date.UTC(time.getFullYear(), time.getMonth(), time.getDate()) - Date.UTC(time.getFullYear(), 0, 1)) / DAY_MS) + 1
const hour12 = (time: Date): number => time.getHours() % 12 || 12
/** Weeks that begin with `firstDay`; days before the first of them are in week 0. */
const weekOf = (time: Date, firstDay: number): number => Math.floor((dayOfYear(time) + 6 - ((time.getDay() - firstDay + 7) % 7)) / 7)

function isoWeek(time: Date): { readonly year: number; readonly week: number } {
  const thursday = new Date(Date.UTC(time.getFullYear(), time.getMonth(), time.getDate() + 4 - (time.getDay() || 7)))
  const start = Date.UTC(thursday.getUTCFullYear(), 0, 1)
  return { year: thursday.getUTCFullYear(), week: Math.floor((thursday.getTime() - start) / DAY_MS / 7) + 1 }
}

const DIRECTIVES: Readonly<Record<string, (time: Date) => Part>> = {
  a: (time) => DAYS[time.getDay()]?.slice(0, 3) ?? '',
  A: (time) => DAYS[time.getDay()] ?? '',
  b: (time) => MONTHS[time.getMonth()]?.slice(0, 3) ?? '',
  h: (time) => MONTHS[time.getMonth()]?.slice(0, 3) ?? '',
  B: (time) => MONTHS[time.getMonth()] ?? '',
  c: (time) => formatTime('%a %b %e %H:%M:%S %Y', time),
  C: (time) => [Math.floor(time.getFullYear() / 100), 2],
  d: (time) => [time.getDate(), 2],
  D: (time) => formatTime('%m/%d/%y', time),
  e: (time) => [time.getDate(), 2, ' '],
  f: (time) => [time.getMilliseconds() * 1000, 6],
  F: (time) => formatTime('%Y-%m-%d', time),
  g: (time) => [isoWeek(time).year % 100, 2],
  G: (time) => [isoWeek(time).year, 4],
  H: (time) => [time.getHours(), 2],
  I: (time) => [hour12(time), 2],
  j: (time) => [dayOfYear(time), 3],
  k: (time) => [time.getHours(), 2, ' '],
  l: (time) => [hour12(time), 2, ' '],
  m: (time) => [time.getMonth() + 1, 2],
  M: (time) => [time.getMinutes(), 2],
  n: () => '\n',
  p: (time) => (time.getHours() < 12 ? 'AM' : 'PM'),
  P: (time) => (time.getHours() < 12 ? 'am' : 'pm'),
  r: (time) => formatTime('%I:%M:%S %p', time),
  R: (time) => formatTime('%H:%M', time),
  s: (time) => [Math.floor(time.getTime() / 1000), 1],
  S: (time) => [time.getSeconds(), 2],
  t: () => '\t',
  T: (time) => formatTime('%H:%M:%S', time),
  u: (time) => [time.getDay() || 7, 1],
  U: (time) => [weekOf(time, 0), 2],
  V: (time) => [isoWeek(time).week, 2],
  w: (time) => [time.getDay(), 1],
  W: (time) => [weekOf(time, 1), 2],
  x: (time) => formatTime('%m/%d/%y', time),
  X: (time) => formatTime('%H:%M:%S', time),
  y: (time) => [time.getFullYear() % 100, 2],
  Y: (time) => [time.getFullYear(), 4],
  // A local time of Python's `datetime.now()` knows no zone.
  z: () => '',
  Z: () => '',
  '%': () => '%',
}

/** A directive that is not known stays as it is. */
export const formatTime = (format: string, time: Date): string =>
  format.replace(/%([-_0^#]?)([a-zA-Z%])/g, (all, flag: string, letter: string) => {
    const directive = Object.hasOwn(DIRECTIVES, letter) ? DIRECTIVES[letter] : undefined
    if (!directive) return all
    const part = directive(time)
    if (typeof part === 'string') return flag === '^' ? part.toUpperCase() : part
    const [value, width, fill = '0'] = part
    return flag === '-' ? String(value) : String(value).padStart(width, flag === '_' ? ' ' : flag === '0' ? '0' : fill)
  })
