/** Commands to a browser and events from it over `--remote-debugging-pipe`. Source: Chrome DevTools Protocol. */
import type { ChildProcess } from 'node:child_process'
import { z } from 'zod'

export type DevtoolsPipe = {
  /** @param sessionId of a target; of the browser when absent @throws {Error} what the browser says, or that browser or target ended */
  readonly send: (method: string, params?: object, sessionId?: string) => Promise<unknown>
  /** Returns the way to stop listening. */
  readonly on: (method: string, sessionId: string, listener: (params: unknown) => void) => () => void
  /** Whoever waits for an answer of this target, or of the browser, hears that there will be none. */
  readonly abandon: (sessionId: string | undefined, reason: string) => void
}

/** What of a browser's last words is told when it ends. */
const TOLD_CHARACTERS = 1_000
/** Event of a target whose process is gone: what it was asked is never answered. */
export const CRASHED = 'Inspector.targetCrashed'

const messageSchema = z.object({
  id: z.number().optional(),
  result: z.unknown().optional(),
  error: z.object({ message: z.string() }).optional(),
  method: z.string().optional(),
  params: z.unknown().optional(),
  sessionId: z.string().optional(),
})

type Waiting = { readonly sessionId: string | undefined; readonly resolve: (value: unknown) => void; readonly reject: (error: Error) => void }

/** Messages are JSON with a zero byte behind each, in on descriptor 3 and out on descriptor 4. @param browser with pipes on 2, 3 and 4 */
export function openDevtoolsPipe(browser: ChildProcess): DevtoolsPipe {
  const [input, output] = [browser.stdio[3], browser.stdio[4]]
  if (!input || !output || !('write' in input) || !('read' in output)) throw new Error('the browser has no pipe')
  const waiting = new Map<number, Waiting>()
  const listeners = new Map<string, Set<(params: unknown) => void>>()
  let [next, rest, said] = [0, '', '']
  let ended: Error | null = null

  const end = (why: string): void => {
    ended ??= new Error(`the browser ended${why}${said ? `: ${said.trim()}` : ''}`)
    for (const { reject } of waiting.values()) reject(ended)
    waiting.clear()
  }
  const take = (line: string): void => {
    const { id, result, error, method, params, sessionId = '' } = messageSchema.parse(JSON.parse(line))
    if (method !== undefined) for (const listener of listeners.get(`${sessionId} ${method}`) ?? []) listener(params)
    const asked = id === undefined ? undefined : waiting.get(id)
    if (id === undefined || !asked) return
    waiting.delete(id)
    if (error) asked.reject(new Error(error.message))
    else asked.resolve(result)
  }

  browser.stderr?.setEncoding('utf8').on('data', (text: string) => (said = `${said}${text}`.slice(-TOLD_CHARACTERS)))
  output.setEncoding('utf8').on('data', (text: string) => {
    const lines = `${rest}${text}`.split('\0')
    rest = lines.pop() ?? ''
    lines.forEach(take)
  })
  // `exit` tells of a browser that is gone; what is written to it meanwhile fails, and so does what could not be started.
  input.on('error', () => undefined)
  browser.on('error', ({ message }) => end(` (${message})`))
  browser.on('exit', (code, signal) => end(` (${code ?? signal})`))

  return {
    send: (method, params = {}, sessionId) =>
      new Promise((resolve, reject) => {
        if (ended) return reject(ended)
        next += 1
        waiting.set(next, { sessionId, resolve, reject })
        input.write(`${JSON.stringify({ id: next, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`)
      }),
    on: (method, sessionId, listener) => {
      const key = `${sessionId} ${method}`
      const own = listeners.get(key) ?? new Set()
      listeners.set(key, own.add(listener))
      return () => own.delete(listener)
    },
    abandon: (sessionId, reason) => {
      for (const [id, asked] of waiting) {
        if (asked.sessionId !== sessionId) continue
        waiting.delete(id)
        asked.reject(new Error(reason))
      }
    },
  }
}
