/** Small changes to a message, anywhere in it: what a broken or hostile peer sends instead. */
const HOSTILE: readonly unknown[] = [
  null,
  '',
  0,
  -1,
  1.5,
  1e308,
  true,
  [],
  {},
  'x'.repeat(5_000),
  '../../etc/passwd',
  '\u202egnp.exe',
  '\ud800',
  'a\nb',
  new Uint8Array(3),
  JSON.parse('{"__proto__": {"polluted": true}}'),
  JSON.parse('{"constructor": {"prototype": {"polluted": true}}}'),
]

type Container = Record<string, unknown> | unknown[]
const isContainer = (value: unknown): value is Container => typeof value === 'object' && value !== null && !(value instanceof Uint8Array)

function containersIn(value: unknown): readonly Container[] {
  return isContainer(value) ? [value, ...Object.values(value).flatMap(containersIn)] : []
}

/** A copy of `message` with one to three of its parts replaced, removed, renamed or put elsewhere. */
export function mutateJson(message: unknown, random: () => number): unknown {
  const pick = <T>(list: readonly T[]): T | undefined => list[Math.floor(random() * list.length)]
  const copy: unknown = structuredClone(message)
  for (let i = 0; i < 1 + Math.floor(random() * 3); i++) {
    const container = pick(containersIn(copy))
    const key = container && pick(Object.keys(container))
    if (!container || key === undefined) return pick(HOSTILE)
    const before: unknown = Reflect.get(container, key)
    switch (Math.floor(random() * 5)) {
      case 0:
        Reflect.set(container, key, structuredClone(pick(HOSTILE)))
        break
      case 1:
        Reflect.deleteProperty(container, key)
        break
      case 2:
        Reflect.set(container, key, typeof before === 'number' ? String(before) : [before])
        break
      case 3:
        Reflect.deleteProperty(container, key)
        Reflect.set(container, `${key}x`, before)
        break
      default:
        Reflect.set(container, key, typeof before === 'string' ? before.slice(0, Math.floor(random() * before.length)) : { before })
    }
  }
  return copy
}
