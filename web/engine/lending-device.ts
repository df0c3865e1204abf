/** The device of a page: from joining to leaving, and what it could hold before it joins. */
import { toClusterError, toWireError, type WireError } from '../../protocol/errors.ts'
import { IDLE_STATUS, type Capabilities } from '../../protocol/cluster.ts'
import type { Clock } from '../../core/link/clock.ts'
import type { ModelSource } from '../../core/model/model-source.ts'
import { createDevice, type Device } from '../../runtime/ring/device.ts'
import { chosenOf } from '../../runtime/measure/chosen-capabilities.ts'
import type { RunMeasurement } from '../../runtime/measure/choose-backend.ts'
import { estimateShare } from '../../runtime/measure/estimate-share.ts'
import { parseMeasurements, remembering, type Measurements } from '../../runtime/measure/known-measurements.ts'
import type { PortNetwork } from '../../runtime/ports/port-network.ts'
import type { EngineToPage, PageToEngine } from './engine-messages.ts'
import { heardGone, leaveInOrder } from './leave-in-order.ts'
import { loadXgrammar } from './load-xgrammar.ts'
import { log } from './log.ts'
import { openShardInBrowser } from './open-shard.ts'
import type { Visibility } from './page-life.ts'
import { runMeasurement } from './run-measurement.ts'
import { createWorkCounter } from './work-counter.ts'

type Asked<Type extends PageToEngine['type']> = Extract<PageToEngine, { readonly type: Type }>

export type LendingDeviceOptions = {
  readonly network: PortNetwork
  readonly openSource: (source: string) => ModelSource
  readonly clock: Clock
  readonly tell: (message: EngineToPage) => void
}

export type LendingDevice = {
  readonly lend: (asked: Asked<'lend'>) => void
  readonly leave: (asked: Asked<'leave'>) => Promise<void>
  readonly estimate: (asked: Asked<'estimate'>) => Promise<void>
  readonly setShare: (share: number) => void
  readonly setPaused: (isPaused: boolean) => void
  readonly setVisibility: (visibility: Visibility) => void
  /** So many bytes of its memory are used otherwise, from now on. */
  readonly reserve: (bytes: number, sentence: string) => void
  readonly isLending: () => boolean
}

export function createLendingDevice({ network, openSource, clock, tell }: LendingDeviceOptions): LendingDevice {
  let lendings = 0
  let device: Device | null = null
  let reserved: readonly [number, string] = [0, '']
  let visibility: Visibility = 'visible'
  let share = 1
  let offered: Capabilities | null = null
  let isLeaving = false
  let isPaused = false
  let leaveNow = (): void => undefined
  let measuring: RunMeasurement | null = null
  /** Trials come one after the other: beside each other they would slow each other down. */
  let trials: Promise<unknown> = Promise.resolve()
  const changes = new Set<() => void>()
  const counter = createWorkCounter(clock.timer, (given) => tell({ type: 'work', given }))

  const tellDevice = (lending: 'off' | 'on' | 'paused' | 'failed', error: WireError | null = null): void => {
    const status = device?.status()
    tell({
      type: 'device',
      lending: status && isLeaving ? 'leaving' : status?.state === 'paused' ? 'paused' : lending,
      shards: status?.shards ?? [],
      sequences: status?.sequences ?? 0,
      framesHandled: status?.framesHandled ?? 0,
      layerMs: status?.layerMs ?? null,
      error,
    })
  }

  async function stop(): Promise<void> {
    const leaving = device
    device = null
    network.setCapabilities(null)
    await leaving?.close()
    network.publishStatus(IDLE_STATUS)
  }

  /** What the page keeps of measurements is read once: from then on this worker knows more. */
  function measureOf({ known, machine }: Pick<Asked<'lend'>, 'known' | 'machine'>): RunMeasurement {
    const keep = (all: Measurements): void => tell({ type: 'measured', known: JSON.stringify(all) })
    return (measuring ??= remembering(runMeasurement, parseMeasurements(known), machine, keep))
  }

  function inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = trials.then(work)
    trials = done.catch(() => undefined)
    return done
  }

  async function lend({ candidates, share: wanted, ...trial }: Asked<'lend'>): Promise<void> {
    await stop()
    const asked = (lendings += 1)
    share = wanted
    const measure = measureOf(trial)
    const choose = (): Promise<Capabilities> => chosenOf(candidates, { network, openSource, measure, log })
    const capabilities = await (candidates.length === 1 ? choose() : inTurn(choose))
    // Its person has left meanwhile, or lends otherwise.
    if (asked !== lendings) return
    const onOffer = (sentence: string): void => tell({ type: 'notice', sentence })
    const offering = { ...counter.count(network), setCapabilities: offer }
    device = createDevice({
      network: offering,
      capabilities,
      openSource,
      openShard: openShardInBrowser,
      loadXgrammar,
      onOffer,
      onFiles: (model, files) => tell({ type: 'files', model, files }),
      onWork: counter.onWork,
      share: () => share,
      measure,
      clock,
      log,
    })
    device.reserve(...reserved)
    device.setVisibility(visibility)
    device.setPaused(isPaused)
    device.onStatus(() => {
      tellDevice('on')
      for (const changed of [...changes]) changed()
    })
    tellDevice('on')
  }

  /** A device that rests part of its time takes so much longer for a layer. */
  function offer(capabilities: Capabilities | null): void {
    offered = capabilities
    const { layerSpeeds } = capabilities ?? {}
    const slowed = layerSpeeds?.map((speed) => ({ ...speed, layerMs: speed.layerMs / share }))
    const shown = capabilities && { ...capabilities, ...(slowed ? { layerSpeeds: slowed } : {}) }
    network.setCapabilities(shown)
    if (shown) tell({ type: 'lends', capabilities: shown })
  }

  function setShare(wanted: number): void {
    share = wanted
    if (!device) return
    offer(offered)
    network.publishStatus(device.status())
  }

  async function estimate({ ticket, candidates, ...trial }: Asked<'estimate'>): Promise<void> {
    try {
      const measure = measureOf(trial)
      tell({ type: 'estimate', ticket, estimate: await inTurn(() => estimateShare(candidates, { network, openSource, measure, log })) })
    } catch (error) {
      tell({ type: 'estimate-failed', ticket, error: toWireError(toClusterError(error)) })
    }
  }

  async function leave({ ticket, now }: Asked<'leave'>): Promise<void> {
    lendings += 1
    const leaving = device
    if (now || isLeaving) leaveNow()
    else if (leaving) {
      isLeaving = true
      leaving.setPaused(true)
      const order = leaveInOrder({ device: leaving, network, clock, onStatus: (listener) => (changes.add(listener), () => changes.delete(listener)) })
      leaveNow = order.goNow
      await order.done
    }
    if (device === leaving) await stop()
    await heardGone(network, clock)
    isLeaving = false
    tellDevice('off')
    tell({ type: 'left', ticket })
  }

  return {
    lend: (asked) => void lend(asked).catch((error: unknown) => tellDevice('failed', toWireError(toClusterError(error)))),
    leave,
    estimate,
    setShare,
    setPaused: (wanted) => {
      isPaused = wanted
      device?.setPaused(wanted)
    },
    setVisibility: (next) => {
      visibility = next
      device?.setVisibility(next)
    },
    reserve: (bytes, sentence) => {
      reserved = [bytes, sentence]
      device?.reserve(bytes, sentence)
    },
    isLending: () => device !== null,
  }
}
