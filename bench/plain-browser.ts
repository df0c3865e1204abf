/**
 * One tab of a browser that nothing else looks into. Playwright listens to every request, for which Chromium keeps up to 200 MB of
 * answers in the tab's memory; here only the few commands below are sent, over a pipe (`--remote-debugging-pipe`).
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { z } from 'zod'

export type PlainTab = {
  /** Of the browser's main process. */
  readonly pid: number
  /** As the browser names itself, for example `Chrome/156.0.8078.79`. */
  readonly version: string
  readonly navigate: (url: string) => Promise<void>
  readonly reload: () => Promise<void>
  /** Value of an expression in the page, awaited; it must be JSON. @throws {Error} what the page threw */
  readonly evaluate: (expression: string) => Promise<unknown>
  readonly close: () => Promise<void>
}

type Command = (method: string, params?: object, sessionId?: string) => Promise<unknown>

const answerSchema = z.object({ id: z.number().optional(), result: z.unknown().optional(), error: z.object({ message: z.string() }).optional() })
const evaluationSchema = z.object({
  result: z.object({ value: z.unknown().optional() }),
  exceptionDetails: z.object({ exception: z.object({ description: z.string().optional() }).optional() }).optional(),
})

/** Commands are JSON with a zero byte behind each, in on descriptor 3 and out on descriptor 4. */
function openPipe(browser: ChildProcess): Command {
  const [input, output] = [browser.stdio[3], browser.stdio[4]]
  if (!input || !output || !('write' in input) || !('read' in output)) throw new Error('the browser has no pipe')
  const waiting = new Map<number, { resolve: (value: unknown) => void; reject: (error: Error) => void }>()
  let [next, text] = [0, '']
  output.on('data', (chunk: Buffer) => {
    const lines = (text + chunk.toString()).split('\0')
    text = lines.pop() ?? ''
    for (const line of lines) {
      const { id = -1, result, error } = answerSchema.parse(JSON.parse(line))
      if (error) waiting.get(id)?.reject(new Error(error.message))
      else waiting.get(id)?.resolve(result)
      waiting.delete(id)
    }
  })
  browser.on('exit', () => {
    for (const { reject } of waiting.values()) reject(new Error('the browser ended'))
  })
  return (method, params = {}, sessionId) =>
    new Promise((resolve, reject) => {
      next += 1
      waiting.set(next, { resolve, reject })
      input.write(`${JSON.stringify({ id: next, method, params, ...(sessionId === undefined ? {} : { sessionId }) })}\0`)
    })
}

async function attach(send: Command, script: string): Promise<Pick<PlainTab, 'version' | 'navigate' | 'reload' | 'evaluate'>> {
  const { targetInfos } = z
    .object({ targetInfos: z.array(z.object({ targetId: z.string(), type: z.string() })) })
    .parse(await send('Target.getTargets'))
  const target = targetInfos.find(({ type }) => type === 'page')
  const { sessionId } = z.object({ sessionId: z.string() }).parse(await send('Target.attachToTarget', { targetId: target?.targetId, flatten: true }))
  const { product } = z.object({ product: z.string() }).parse(await send('Browser.getVersion'))
  await send('Page.enable', {}, sessionId)
  await send('Page.addScriptToEvaluateOnNewDocument', { source: script }, sessionId)
  return {
    version: product,
    navigate: async (url) => void (await send('Page.navigate', { url }, sessionId)),
    reload: async () => void (await send('Page.reload', {}, sessionId)),
    evaluate: async (expression) => {
      const { result, exceptionDetails } = evaluationSchema.parse(
        await send('Runtime.evaluate', { expression, awaitPromise: true, returnByValue: true }, sessionId),
      )
      if (exceptionDetails) throw new Error(exceptionDetails.exception?.description ?? 'the page threw')
      return result.value
    },
  }
}

/** @param script runs in every document before its own */
export async function openPlainTab(executable: string, flags: readonly string[], script: string): Promise<PlainTab> {
  const profile = await mkdtemp(path.join(tmpdir(), 'ringlet-profile-'))
  const args = ['--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, ...flags, 'about:blank']
  const browser = spawn(executable, args, { stdio: ['ignore', 'ignore', 'ignore', 'pipe', 'pipe'] })
  const ended = once(browser, 'exit')
  const close = async (): Promise<void> => {
    browser.kill()
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    await once(browser, 'spawn')
    return { pid: browser.pid ?? 0, ...(await attach(openPipe(browser), script)), close }
  } catch (error) {
    await close()
    throw error
  }
}
