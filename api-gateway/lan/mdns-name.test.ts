import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { takeLocalName, type LocalNameOptions } from './mdns-name.ts'

type Answer = { readonly name: string; readonly type: 'A'; readonly data: string }

/** A network on which `owners` answer for names of theirs. */
function network(owners: Readonly<Record<string, string>> = {}) {
  const bus = new EventEmitter()
  const said: Answer[][] = []
  const timers: (() => void)[] = []
  let isOpen = true
  const mdns = {
    on: (event: string, listener: (...args: unknown[]) => void) => bus.on(event, listener),
    removeListener: (event: string, listener: (...args: unknown[]) => void) => bus.removeListener(event, listener),
    query: (questions: readonly { readonly name: string }[]) => {
      for (const { name } of questions) {
        const data = owners[name]
        if (data !== undefined) queueMicrotask(() => bus.emit('response', { answers: [{ name, type: 'A', data }] }))
      }
    },
    respond: (answers: Answer[]) => said.push(answers),
    destroy: () => (isOpen = false),
  }
  const options: LocalNameOptions = {
    wanted: 'ringlet',
    addresses: () => ['192.0.2.7'],
    open: () => mdns as unknown as ReturnType<LocalNameOptions['open']>,
    timer: (_delay, callback) => void timers.push(callback),
  }
  /** Lets answers arrive, then the time of waiting for them pass. */
  const pass = async (): Promise<void> => {
    await new Promise(setImmediate)
    for (const callback of timers.splice(0)) callback()
    await new Promise(setImmediate)
  }
  const ask = (name: string): void => void bus.emit('query', { questions: [{ name, type: 'A' }] })
  return { options, said, pass, ask, bus, isOpen: () => isOpen }
}

test('answers for its name with this machine’s addresses, and for no other', async () => {
  const { options, said, pass, ask, isOpen } = network()
  const taking = takeLocalName(options)
  await pass()
  const taken = await taking
  expect(taken?.name).toBe('ringlet.local')
  ask('printer.local')
  ask('Ringlet.local')
  expect(said).toEqual([[{ name: 'ringlet.local', type: 'A', ttl: 120, flush: true, data: '192.0.2.7' }]])
  taken?.close()
  expect(isOpen()).toBe(false)
})

test('a name that another machine has is left to it; its own old address is no other machine', async () => {
  const { options, pass } = network({ 'ringlet.local': '192.0.2.99', 'ringlet-2.local': '192.0.2.7' })
  const taking = takeLocalName(options)
  await pass()
  await pass()
  expect((await taking)?.name).toBe('ringlet-2.local')
})

test('without multicast there is no name', async () => {
  const { options, pass, bus, isOpen } = network()
  const taking = takeLocalName(options)
  bus.emit('error', new Error('no multicast here'))
  await pass()
  expect([await taking, isOpen()]).toEqual([null, false])
})
