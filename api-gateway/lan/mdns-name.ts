/** A name on the local network: answers questions for `NAME.local` with this machine's addresses. */
import type { MulticastDNS } from 'multicast-dns'

/** So long is waited for somebody else of that name, as RFC 6762 8.1 has it for three probes. */
const PROBE_MS = 750
/** For how long others may remember an address, in seconds (RFC 6762 10). */
const TTL_SECONDS = 120

export type LocalName = {
  /** `ringlet.local`, or `ringlet-2.local` where the first has an owner. */
  readonly name: string
  readonly close: () => void
}

export type LocalNameOptions = {
  /** The first part of the name. */
  readonly wanted: string
  readonly addresses: () => readonly string[]
  readonly open: () => Pick<MulticastDNS, 'on' | 'query' | 'respond' | 'destroy' | 'removeListener'>
  readonly timer: (delayMs: number, callback: () => void) => void
}

const MOST_TRIES = 9

/** Resolves once the name is ours. Null where the network has no multicast. */
export async function takeLocalName({ wanted, addresses, open, timer }: LocalNameOptions): Promise<LocalName | null> {
  const mdns = open()
  let failed = false
  mdns.on('error', () => (failed = true))
  const isFree = (name: string): Promise<boolean> =>
    new Promise((resolve) => {
      const own = new Set(addresses())
      const onResponse = ({
        answers,
      }: {
        readonly answers: readonly { readonly type: string; readonly name: string; readonly data?: unknown }[]
      }): void => {
        const isOther = answers.some((one) => one.type === 'A' && one.name.toLowerCase() === name && !own.has(String(one.data)))
        if (isOther) finish(false)
      }
      const finish = (free: boolean): void => {
        mdns.removeListener('response', onResponse)
        resolve(free)
      }
      mdns.on('response', onResponse)
      mdns.query([{ name, type: 'A' }])
      timer(PROBE_MS, () => finish(true))
    })

  for (let number = 1; number <= MOST_TRIES && !failed; number++) {
    const name = `${number === 1 ? wanted : `${wanted}-${number}`}.local`
    if (!(await isFree(name)) || failed) continue
    mdns.on('query', ({ questions = [] }) => {
      const isAsked = questions.some((question) => question.name.toLowerCase() === name && ['A', 'ANY'].includes(question.type))
      if (isAsked) mdns.respond(addresses().map((data) => ({ name, type: 'A', ttl: TTL_SECONDS, flush: true, data })))
    })
    return { name, close: () => mdns.destroy() }
  }
  mdns.destroy()
  return null
}
