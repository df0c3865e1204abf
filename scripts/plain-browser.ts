/**
 * A browser that nothing looks into, with tabs that a few commands reach. Playwright listens to every request, for which Chromium keeps up to 200 MB
 * of answers in a tab's memory, and to every message of a WebSocket.
 */
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { z } from 'zod'
import { CRASHED, openDevtoolsPipe, type DevtoolsPipe } from './devtools-pipe.ts'

export type PlainTab = {
  /** Resolves when the document has been read. @throws {Error} when it cannot be reached */
  readonly navigate: (url: string) => Promise<void>
  readonly reload: () => Promise<void>
  /** Value of an expression in the page, awaited; it must be JSON. @throws {Error} what the page threw */
  readonly evaluate: (expression: string) => Promise<unknown>
  readonly onCrash: (listener: () => void) => void
  /** What the page threw and nobody caught. */
  readonly onError: (listener: (message: string) => void) => void
  readonly close: () => Promise<void>
}

export type PlainBrowser = {
  /** Of the browser's main process. */
  readonly pid: number
  /** For example `156.0.8078.79`. */
  readonly version: string
  readonly isRunning: () => boolean
  readonly onEnd: (listener: () => void) => void
  /** A tab that shares nothing with others and keeps nothing. @param script runs in every document before its own */
  readonly openTab: (script?: string) => Promise<PlainTab>
  /** The tab that keeps what it stores as long as the browser runs, on disk. @param script as above */
  readonly firstTab: (script?: string) => Promise<PlainTab>
  /** May be called twice. */
  readonly close: () => Promise<void>
}

/** What no page needs to know of: sounds, keyrings, `/dev/shm` of containers, which is small, and dialogs that nobody sees. */
const QUIET_FLAGS = [
  '--mute-audio',
  '--password-store=basic',
  '--use-mock-keychain',
  '--disable-dev-shm-usage',
  '--disable-extensions',
  '--noerrdialogs',
]

/** A browser that starts cold on a busy machine takes seconds. */
const START_TIMEOUT_MS = 60_000

const targetSchema = z.object({ targetId: z.string() })
const targetsSchema = z.object({ targetInfos: z.array(targetSchema.extend({ type: z.string() })) })
const contextSchema = z.object({ browserContextId: z.string() })
const sessionSchema = z.object({ sessionId: z.string() })
const versionSchema = z.object({ product: z.string() })
const navigationSchema = z.object({ errorText: z.string().optional() })
const thrownSchema = z.object({ text: z.string(), exception: z.object({ description: z.string().optional() }).optional() })
const exceptionSchema = z.object({ exceptionDetails: thrownSchema })
const evaluationSchema = z.object({ result: z.object({ value: z.unknown().optional() }), exceptionDetails: thrownSchema.optional() })

/** Resolves once the document has been read. */
const WHEN_READ = `new Promise((resolve) => document.readyState === 'loading' ? addEventListener('DOMContentLoaded', () => resolve()) : resolve())`

const messageOf = ({ text, exception }: z.infer<typeof thrownSchema>): string => exception?.description ?? text

async function attach({ send, on, abandon }: DevtoolsPipe, targetId: string, script: string, close: PlainTab['close']): Promise<PlainTab> {
  const { sessionId } = sessionSchema.parse(await send('Target.attachToTarget', { targetId, flatten: true }))
  const ask = (method: string, params?: object): Promise<unknown> => send(method, params, sessionId)
  on(CRASHED, sessionId, () => abandon(sessionId, 'the page crashed'))
  const evaluate = async (expression: string): Promise<unknown> => {
    const asked = { expression, awaitPromise: true, returnByValue: true }
    const { result, exceptionDetails } = evaluationSchema.parse(await ask('Runtime.evaluate', asked))
    if (exceptionDetails) throw new Error(messageOf(exceptionDetails))
    return result.value
  }
  await ask('Page.enable')
  await ask('Inspector.enable')
  if (script) await ask('Page.addScriptToEvaluateOnNewDocument', { source: script })
  return {
    navigate: async (url) => {
      const { errorText } = navigationSchema.parse(await ask('Page.navigate', { url }))
      if (errorText !== undefined) throw new Error(`${url} cannot be reached: ${errorText}`)
      await evaluate(WHEN_READ)
    },
    reload: async () => void (await ask('Page.reload')),
    evaluate,
    onCrash: (listener) => void on(CRASHED, sessionId, listener),
    onError: (listener) => {
      on('Runtime.exceptionThrown', sessionId, (params) => listener(messageOf(exceptionSchema.parse(params).exceptionDetails)))
      // A page that has crashed in the meantime throws nothing any more.
      ask('Runtime.enable').catch(() => undefined)
    },
    close,
  }
}

/** In a group of its own: Ctrl+C in the terminal is for whoever opened it, who closes it in time. */
function start(executable: string, profile: string, flags: readonly string[]): ChildProcess {
  const args = ['--headless', '--remote-debugging-pipe', `--user-data-dir=${profile}`, ...QUIET_FLAGS, ...flags, 'about:blank']
  return spawn(executable, args, { stdio: ['ignore', 'ignore', 'pipe', 'pipe', 'pipe'], detached: process.platform !== 'win32' })
}

/** The browser is a child of a script on many systems: its whole group is meant. */
function kill({ pid }: ChildProcess, signal: NodeJS.Signals): void {
  if (pid === undefined) return
  try {
    process.kill(process.platform === 'win32' ? pid : -pid, signal)
  } catch {
    // It has ended already.
  }
}

/** @throws {Error} when the browser does not start, with what it said */
export async function openPlainBrowser(executable: string, flags: readonly string[]): Promise<PlainBrowser> {
  const profile = await mkdtemp(path.join(tmpdir(), 'ringlet-profile-'))
  const browser = start(executable, profile, flags)
  let isRunning = true
  const ended = new Promise<void>((resolve) => browser.once('exit', resolve).once('error', resolve)).then(() => void (isRunning = false))
  const killNow = (): void => kill(browser, 'SIGKILL')
  process.once('exit', killNow)
  const close = async (): Promise<void> => {
    process.off('exit', killNow)
    kill(browser, 'SIGTERM')
    await ended
    await rm(profile, { recursive: true, force: true, maxRetries: 5 })
  }
  try {
    const pipe = openDevtoolsPipe(browser)
    const late = setTimeout(() => pipe.abandon(undefined, `${executable} did not answer within ${START_TIMEOUT_MS / 1000} s`), START_TIMEOUT_MS)
    const { product } = versionSchema.parse(await pipe.send('Browser.getVersion').finally(() => clearTimeout(late)))
    return {
      pid: browser.pid ?? 0,
      version: product.replace(/^.*\//, ''),
      isRunning: () => isRunning,
      onEnd: (listener) => void ended.then(listener),
      openTab: async (script = '') => {
        const { browserContextId } = contextSchema.parse(await pipe.send('Target.createBrowserContext'))
        const { targetId } = targetSchema.parse(await pipe.send('Target.createTarget', { url: 'about:blank', browserContextId }))
        return attach(pipe, targetId, script, async () => void (await pipe.send('Target.disposeBrowserContext', { browserContextId })))
      },
      firstTab: async (script = '') => {
        const { targetInfos } = targetsSchema.parse(await pipe.send('Target.getTargets'))
        const page = targetInfos.find(({ type }) => type === 'page')
        if (!page) throw new Error('the browser opened without a tab')
        return attach(pipe, page.targetId, script, async () => void (await pipe.send('Target.closeTarget', { targetId: page.targetId })))
      },
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
