import { expect, test } from 'vitest'
import { createAdmission, type Ticket } from './admission.ts'

const started: string[] = []
function watched(name: string, ticket: Ticket): Ticket {
  ticket.turn.then(
    () => started.push(name),
    () => undefined,
  )
  return ticket
}
const settled = (): Promise<void> => new Promise(setImmediate)

test('runs as many as it may, lets others wait in turn by key, and sends the rest away with a time', async () => {
  started.length = 0
  let time = 0
  const admission = createAdmission({ running: 2, waiting: 4 }, () => time)
  const first = watched('a1', admission.enter('a', 1, 10))
  watched('a2', admission.enter('a', 1, 10))
  const lines = [
    watched('a3', admission.enter('a', 1, 10)),
    watched('a4', admission.enter('a', 1, 10)),
    watched('a5', admission.enter('a', 1, 10)),
    watched('b1', admission.enter('b', 1, 10)),
  ]
  expect(() => admission.enter('c', 1, 10)).toThrow(expect.objectContaining({ code: 'queue_full', detail: { retryAfterSeconds: 2 } }))
  expect(lines.map((ticket) => ticket.place()?.position)).toEqual([1, 3, 4, 2])
  expect(lines[0]?.place()?.seconds).toBeNull()
  time = 6_000
  first.leave()
  await settled()
  expect(started).toEqual(['a1', 'a2', 'a3'])
  // Six seconds each, two at once: the third in line has nine to wait.
  expect(lines[3]?.place()).toEqual({ position: 1, seconds: 3 })
  expect(lines[2]?.place()).toEqual({ position: 3, seconds: 9 })
  lines[0]?.leave()
  await settled()
  expect(started.at(-1)).toBe('b1')
  expect(admission.state()).toEqual({ running: 2, waiting: 2, tokens: 40, seconds: expect.closeTo(8.1) })
})

test('who leaves the line makes room, and who needs more than is free is not passed over', async () => {
  started.length = 0
  const admission = createAdmission({ running: 2, waiting: 2 }, () => 0)
  const first = watched('one', admission.enter('a', 1, 10))
  const wide = watched('wide', admission.enter('a', 2, 10))
  const late = watched('late', admission.enter('a', 1, 10))
  await settled()
  expect(started).toEqual(['one'])
  wide.leave()
  wide.leave()
  await expect(wide.turn).rejects.toMatchObject({ code: 'cancelled' })
  expect(started).toEqual(['one', 'late'])
  for (const ticket of [first, late, first]) ticket.leave()
  expect(admission.state()).toEqual({ running: 0, waiting: 0, tokens: 0, seconds: 0 })
})
