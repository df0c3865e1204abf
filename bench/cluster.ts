/** A server and tabs of this machine, with rings of several sizes side by side over the same tabs. */
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { chromium, type Browser, type Page } from 'playwright-core'
import { createLog } from '../api-gateway/log.ts'
import { parseOptions } from '../api-gateway/options.ts'
import { startServer } from '../api-gateway/serve.ts'
import { joinAsGateway, type GatewayPeer } from '../api-gateway/transport/gateway-peer.ts'
import { placementState, type ClusterView } from '../core/cluster/cluster-view.ts'
import type { Network } from '../core/cluster/network.ts'
import type { Backend, Placement, Strategy, WeightFormat, Wish } from '../protocol/cluster.ts'
import { modelId, type ModelId } from '../protocol/ids.ts'
import { deviceFlags, launchDevices, type HeadlessDevices } from '../scripts/headless-devices.ts'
import type { BenchModel } from './models.ts'
import { promptOf, runStreams } from './stream.ts'

/** Loading the largest bench model on one tab of a busy machine takes tens of seconds, on a software GPU minutes. */
const READY_TIMEOUT_MS = 600_000
/** Long enough for every bench, short enough that a cache is small beside the weights. */
const CONTEXT_TOKENS = 512

/** Data channels of a page send later by `ringletLinkDelayMs`, in their order. */
const LINK_DELAY_SCRIPT = `{
  globalThis.ringletLinkDelayMs = 0
  const send = RTCDataChannel.prototype.send
  RTCDataChannel.prototype.send = function (message) {
    const delayMs = globalThis.ringletLinkDelayMs
    if (delayMs === 0) return send.call(this, message)
    setTimeout(() => this.readyState === 'open' && send.call(this, message), delayMs)
  }
}`

/** Layers of each shard, for example `19 + 11`. */
export const sharesOf = ({ shards }: Placement): string => shards.map(({ startLayer, endLayer }) => endLayer - startLayer).join(' + ')

export type BenchRing = { readonly model: ModelId; readonly tabs: number; readonly placement: Placement }

export type BenchCluster = {
  /** As this machine reaches the server. */
  readonly url: string
  readonly peer: GatewayPeer
  readonly devices: HeadlessDevices
  /** For a report, for example `Chromium 156.0.8078.108`. */
  readonly browser: string
  /**
   * The contribute page in a browser beside the one of the devices, for tabs that a bench looks into and kills. Each has a context of its own:
   * no two are the same device, and none remembers what was measured before.
   * @param query how it lends @param initScript runs before the page's own
   */
  readonly openWatchedTab: (query: Readonly<Record<string, string>>, initScript?: string) => Promise<Page>
  /** A ring of exactly so many tabs that holds `model`, ready to answer. Rings stay: those of other sizes share the tabs. */
  readonly ring: (model: BenchModel, tabs: number, contextTokens?: number) => Promise<BenchRing>
  /** From now on every message between two tabs arrives so many milliseconds later. */
  readonly delayLinks: (delayMs: number) => Promise<void>
  readonly drop: (ring: BenchRing) => Promise<void>
  /** May be called twice. */
  readonly close: () => Promise<void>
}

/** Resolves with what `find` first gives. @throws what `find` throws; {Error} after READY_TIMEOUT_MS, saying what was awaited */
export function awaitView<T>(network: Network, what: string, find: (view: ClusterView) => T | null): Promise<T> {
  return new Promise((resolve, reject) => {
    const end = (): void => {
      clearTimeout(timer)
      stop()
    }
    const stop = network.onView(() => check())
    const timer = setTimeout(() => {
      end()
      reject(new Error(`${what} took longer than ${READY_TIMEOUT_MS / 1000} s`))
    }, READY_TIMEOUT_MS)
    function check(): void {
      try {
        const found = find(network.view())
        if (found === null) return
        end()
        resolve(found)
      } catch (error) {
        end()
        reject(error instanceof Error ? error : new Error(String(error)))
      }
    }
    check()
  })
}

/** The placement of `model` once `tabs` devices serve it; null until then. @throws {Error} when it does not fit */
export function readyPlacement(view: ClusterView, model: ModelId, tabs: number): Placement | null {
  const placement = view.placements.get(model)
  if (placement?.problem && placement.problem.code !== 'no_ring') throw new Error(placement.problem.message)
  return placement?.shards.length === tabs && placementState(view, placement) === 'ready' ? placement : null
}

type Count = Pick<Wish, 'minDevices' | 'maxDevices'>
/** What a bench says of a ring; all else is the same in all of them. */
type RingWish = Pick<Wish, 'model' | 'source'> & Partial<Pick<Wish, 'contextLength' | 'strategy'>>

const wish = (network: Network, asked: RingWish & Count): void =>
  network.wish({
    strategy: 'memory-weighted',
    contextLength: CONTEXT_TOKENS,
    quality: 'balanced',
    localDevice: 'withdraw',
    state: 'serve',
    ...asked,
  })

/** Wishes for a ring of `model` with a name of its own; the files are those of the model. */
export function wishFor(network: Network, { name }: BenchModel, as: string, asked: Count & Pick<RingWish, 'strategy'>): ModelId {
  wish(network, { model: modelId(as), source: `/models/${name}`, ...asked })
  return modelId(as)
}

/** Tokens of the answers by which devices come to know what their layers take. */
const WARM_TOKENS = 48

/** Resolves when `tabs` devices serve what was wished for. Default: placed by memory, CONTEXT_TOKENS long. */
export async function wishRing(network: Network, tabs: number, asked: RingWish): Promise<BenchRing> {
  const { model } = asked
  wish(network, { ...asked, minDevices: tabs, maxDevices: tabs })
  const placement = await awaitView(network, `a ring of ${tabs} for ${model}`, (view) => readyPlacement(view, model, tabs))
  return { model, tabs, placement }
}

export type BenchServer = {
  readonly url: string
  readonly peer: GatewayPeer
  readonly chromiumPath: string | null
  /** May be called twice. */
  readonly close: () => Promise<void>
}

/** A server on a free port without devices, in a folder of its own that goes with it, and a client beside it. @param env beside the bench's own */
export async function openBenchServer(modelsDir: string, env: Readonly<Record<string, string>> = {}): Promise<BenchServer> {
  const home = await mkdtemp(path.join(tmpdir(), 'ringlet-bench-'))
  const closers: (() => Promise<unknown> | void)[] = [() => rm(home, { recursive: true, force: true })]
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  try {
    const options = parseOptions(['--port', '0', '--no-local-device', '--models-dir', modelsDir], {
      ...env,
      RINGLET_HOME: home,
      CHROMIUM_PATH: process.env['CHROMIUM_PATH'],
    })
    const server = await startServer(options, { log: createLog('error') })
    closers.push(server.close)
    const peer = await joinAsGateway(server.url, null)
    closers.push(peer.close)
    peer.network.unwish(options.model)
    return { url: server.url, peer, chromiumPath: options.chromiumPath, close }
  } catch (error) {
    await close()
    throw error
  }
}

export type BenchClusterOptions = {
  readonly tabs: number
  readonly modelsDir: string
  /** Default: wasm, in the format that is placed. */
  readonly backend?: Backend
  readonly weights?: WeightFormat | 'auto'
  /** By which rings are placed. Default: memory-weighted. */
  readonly strategy?: Strategy
}

/** Starts everything. One WASM thread a tab. */
export async function openBenchCluster(options: BenchClusterOptions): Promise<BenchCluster> {
  const server = await openBenchServer(options.modelsDir)
  const closers: (() => Promise<unknown> | void)[] = [server.close]
  const close = async (): Promise<void> => {
    for (const closer of closers.splice(0).toReversed()) await closer()
  }
  const { peer } = server
  try {
    const devices = await launchDevices({
      count: options.tabs,
      url: server.url,
      executablePath: server.chromiumPath,
      backend: options.backend ?? 'wasm',
      weights: options.weights ?? 'auto',
      threads: 1,
      initScript: LINK_DELAY_SCRIPT,
      memoryMiB: 2048,
      say: (line) => process.stderr.write(`${line}\n`),
    })
    closers.push(devices.close)
    const lost = new Promise<never>((_, reject) => {
      devices.browser.onEnd(() => reject(new Error('the browser of the tabs ended')))
    })
    lost.catch(() => undefined)
    let watched: Promise<Browser> | null = null
    const watchedBrowser = (): Promise<Browser> =>
      (watched ??= chromium.launch({ args: [...deviceFlags()], ...(server.chromiumPath ? { executablePath: server.chromiumPath } : {}) }))
    closers.push(async () => (await watched)?.close())
    const openWatchedTab: BenchCluster['openWatchedTab'] = async (query, initScript) => {
      const context = await (await watchedBrowser()).newContext()
      if (initScript) await context.addInitScript(initScript)
      const page = await context.newPage()
      await page.goto(`${server.url}/contribute?${new URLSearchParams(query)}`, { waitUntil: 'domcontentloaded' })
      return page
    }
    const drop = async ({ model }: BenchRing): Promise<void> => {
      peer.network.unwish(model)
      await awaitView(peer.network, `dropping ${model}`, (view) =>
        [...view.peers.values()].some((entry) => entry.status.shards.some((shard) => shard.model === model)) ? null : true,
      )
    }
    return {
      url: server.url,
      peer,
      devices,
      browser: `Chromium ${devices.browser.version}`,
      openWatchedTab,
      // The ring's name is its own; the files are those of the model.
      ring: async (benchModel, tabs, contextTokens) => {
        const model = modelId(`${benchModel.name}-on-${tabs}`)
        const asked = { model, source: `/models/${benchModel.name}`, ...(contextTokens === undefined ? {} : { contextLength: contextTokens }) }
        const place = (strategy: Strategy): Promise<BenchRing> => Promise.race([wishRing(peer.network, tabs, { ...asked, strategy }), lost])
        const { strategy = 'memory-weighted' } = options
        if (tabs === 1 || strategy === 'memory-weighted') return place('memory-weighted')
        // What devices measure of a layer when they join says little: by what their laps took they are placed anew.
        const first = await place('memory-weighted')
        for (let run = 0; run < 2; run++) await runStreams(peer.client, model, [promptOf(benchModel, run)], WARM_TOKENS)
        await drop(first)
        return place(strategy)
      },
      delayLinks: async (delayMs) => {
        await Promise.all(devices.tabs().map((tab) => tab.evaluate(`globalThis.ringletLinkDelayMs = ${delayMs}`)))
      },
      drop,
      close,
    }
  } catch (error) {
    await close()
    throw error
  }
}
