/** One seeded run with faults: streams through a ring of devices that die, freeze, slow down, are cut off and come back. */
import { placementState } from '../../core/cluster/cluster-view.ts'
import type { Drafter } from '../../core/speculation/drafter.ts'
import { ClusterError } from '../../protocol/errors.ts'
import { createSimCluster, SIM_CONTEXT, simPlacement, simRequest, simWish, type SimClient, type SimCluster, type SimDevice } from './sim-cluster.ts'
import { seededRandom } from './seeded-random.ts'
import { follow, longestGap, type Stream } from './stream.ts'
import { toyDrafter, type Answer } from './toy-drafter.ts'
import { TOY_LAYERS, TOY_VOCAB, toyAnswer } from './toy-model.ts'

const FAULTS = ['close', 'plug', 'freeze', 'slow', 'cut-data', 'cut-signaling', 'restart-signaling', 'reload', 'join'] as const
type Fault = (typeof FAULTS)[number]

export type ChaosResult = {
  readonly seed: number
  readonly devices: number
  readonly streams: number
  readonly faults: readonly string[]
  /** Streams that ended with all their tokens, each once and right. */
  readonly right: number
  /** Streams that ended with a typed error because the devices that were left could not hold the model. */
  readonly excused: number
  /** Tokens that were guessed, rightly or not. */
  readonly draftedTokens: number
  /** Tokens of prompts that KV caches of earlier answers held. */
  readonly cachedTokens: number
  /** What is wrong, in words; empty in a good run. */
  readonly problems: readonly string[]
  readonly longestGapMs: number
  readonly virtualMs: number
  readonly log: readonly string[]
}

/** Faults last 9 s at most, a ban 15 s: whatever pauses longer has got stuck and was freed by a last resort. */
const STALL_MS = 40_000
/** Layers of the toy model take 100 bytes each. */
const LAYER_BYTES = 100

type Plan = { readonly prompt: readonly number[]; readonly maxTokens: number; readonly startMs: number; readonly cacheScope: string | null }

function planStreams(random: () => number): readonly Plan[] {
  const between = (low: number, high: number): number => low + Math.floor(random() * (high - low + 1))
  const ids = (count: number): number[] => Array.from({ length: count }, () => between(0, TOY_VOCAB - 1))
  const plans: Plan[] = []
  for (let left = between(1, 8); left > 0; left--) {
    const before = random() < 0.5 ? plans[between(0, plans.length - 1)] : undefined
    // The next turn of an earlier answer, its beginning told otherwise, or a conversation of its own.
    const said = before ? [...before.prompt, ...toyAnswer(before.prompt, before.maxTokens)] : []
    const kept = random() < 0.5 ? said : said.slice(0, between(0, said.length))
    const prompt = [...kept, ...ids(between(1, random() < 0.2 ? 300 : 40))]
    const startMs = between(0, 2_000) + (before ? before.startMs + before.maxTokens * between(10, 60) : 0)
    plans.push({ prompt, maxTokens: between(5, 60), startMs, cacheScope: random() < 0.8 ? 'chaos' : null })
  }
  return plans.filter(({ prompt, maxTokens }) => prompt.length + maxTokens < SIM_CONTEXT)
}

type Stage = { readonly cluster: SimCluster; readonly random: () => number; readonly faults: string[]; comesBack: number }

/** Does one fault to a device that lives. */
function strike(stage: Stage, fault: Fault): void {
  const { cluster, random, faults } = stage
  const { time } = cluster
  const living = cluster.devices.filter((device) => !device.isDead)
  const victim = living[Math.floor(random() * living.length)]
  const forMs = 500 + random() * 8_000
  if (!victim) return
  faults.push(`${time.now().toFixed(0)} ${fault} ${victim.id} ${forMs.toFixed(0)}`)
  switch (fault) {
    case 'close':
      return cluster.kill(victim, 'closed')
    case 'plug':
      return cluster.kill(victim, 'silent')
    case 'freeze':
      return cluster.freeze(victim, forMs)
    case 'slow':
      victim.slowness = 10
      return void time.timer(forMs, () => void (victim.slowness = 1))
    case 'cut-data':
      cluster.paths.cut(victim.id)
      return void time.timer(forMs, () => cluster.paths.mend(victim.id))
    case 'cut-signaling':
      victim.socket.cut()
      return void time.timer(forMs, victim.socket.mend)
    case 'restart-signaling':
      return cluster.signaling.restart(forMs / 4)
    case 'reload':
      cluster.kill(victim, 'closed')
      return comeLater(stage, victim.id, victim.memoryBytes, forMs / 4)
    case 'join':
      return comeLater(stage, `device-${cluster.devices.length}`, victim.memoryBytes, 0)
  }
}

function comeLater(stage: Stage, name: string, memoryBytes: number, afterMs: number): void {
  stage.comesBack += 1
  stage.cluster.time.timer(afterMs, () => {
    void stage.cluster.addDevice(name, memoryBytes).then(() => (stage.comesBack -= 1))
  })
}

/** Whether the devices that live could hold the model: then no stream may end without its answer. */
function couldHold(devices: readonly SimDevice[]): boolean {
  const layers = devices.filter((device) => !device.isDead).reduce((sum, device) => sum + Math.floor(device.memoryBytes / LAYER_BYTES), 0)
  return layers >= TOY_LAYERS
}

async function openRing(cluster: SimCluster, random: () => number): Promise<readonly SimClient[]> {
  const count = 3 + Math.floor(random() * 4)
  const needed = 1 + Math.floor(random() * (count - 1))
  const memoryBytes = LAYER_BYTES * Math.ceil(TOY_LAYERS / needed)
  const clients = [await cluster.addClient('client-a')]
  if (random() < 0.5) clients.push(await cluster.addClient('gateway', 'gateway'))
  for (let i = 0; i < count; i++) await cluster.addDevice(`device-${i}`, memoryBytes)
  const [first] = clients
  first?.network.wish(simWish(needed + Math.floor(random() * (count - needed + 1))))
  const isReady = (): boolean => {
    const view = first?.network.view()
    const placement = view && simPlacement(view)
    return view !== undefined && placement !== undefined && placementState(view, placement) === 'ready'
  }
  if (!(await cluster.time.run(isReady, 60_000))) throw new Error('the ring never formed')
  return clients
}

/** `right`, `excused`, or what is wrong in words. */
function judge(plan: Plan, stream: Stream, isExcused: boolean): string {
  const expected = toyAnswer(plan.prompt, plan.maxTokens)
  const isPrefix = stream.ids.every((id, i) => id === expected[i]) && stream.indexes.every((index, i) => index === i)
  if (!isPrefix) return `wrong tokens: ${stream.ids.join(' ')} instead of ${expected.join(' ')}`
  if (!stream.isDone) return `still running after ${stream.ids.length} of ${plan.maxTokens} tokens`
  if (stream.error === null)
    return stream.ids.length === plan.maxTokens && stream.finish === 'length'
      ? 'right'
      : `ended after ${stream.ids.length} of ${plan.maxTokens} tokens`
  const error = stream.error
  if (!(error instanceof ClusterError) || error.code === 'internal')
    return `an error without a type: ${String(error instanceof ClusterError ? error.cause : error)}`
  // A question that comes while too few devices are here is refused at once, and says so.
  const isRefused = stream.ids.length === 0 && (error.code === 'not_enough_memory' || error.code === 'no_ring')
  return isExcused || isRefused ? 'excused' : `lost after ${stream.ids.length} of ${plan.maxTokens} tokens: ${error.code} ${error.message}`
}

/** A run is wholly decided by its seed. */
export async function runChaos(seed: number): Promise<ChaosResult> {
  const random = seededRandom(seed)
  const paths = {
    delayMs: 1 + random() * 30,
    jitterMs: random() * 10,
    loss: random() * 0.03,
    duplicate: random() * 0.03,
    corrupt: random() < 0.5 ? 0 : random() * 0.002,
    burst: random() < 0.5 ? 0 : random() * 0.003,
    burstMs: 100 + random() * 900,
    reorder: random() < 0.7 ? 0 : random() * 0.002,
  }
  // Room for all, or for so little that kept caches go and what was sent on is computed again.
  const cacheBytes = random() < 0.5 ? 2 ** 30 : Math.floor(random() * 3_000)
  const logBytes = random() < 0.5 ? 2 ** 26 : Math.floor(random() * 20_000)
  const answers: Answer[] = []
  let draftedTokens = 0
  const wrongly = random() < 0.2 ? 1 : random() * 0.3
  const newDrafter = (): Drafter =>
    toyDrafter(
      () => answers,
      () => random() < wrongly,
      (count) => void (draftedTokens += count),
    )
  const cluster = createSimCluster({ seed: seed + 1_000_003, paths, layerMs: 0.5 + random() * 3, cacheBytes, logBytes, newDrafter })
  const clients = await openRing(cluster, random)
  const plans = planStreams(random)
  answers.push(...plans.map(({ prompt, maxTokens }) => ({ prompt, ids: toyAnswer(prompt, maxTokens) })))
  const streams: Stream[] = []
  const stage: Stage = { cluster, random, faults: [], comesBack: 0 }
  const start = cluster.time.now()
  for (const plan of plans) {
    const client = clients[Math.floor(random() * clients.length)]
    cluster.time.timer(plan.startMs, () => {
      if (client)
        streams[plans.indexOf(plan)] = follow(
          cluster.time,
          client.client.complete(simRequest(plan.prompt, plan.maxTokens, undefined, plan.cacheScope)),
        )
    })
  }
  const faultCount = 1 + Math.floor(random() * 4)
  for (let i = 0; i < faultCount; i++) {
    const fault = FAULTS[Math.floor(random() * FAULTS.length)] ?? 'close'
    cluster.time.timer(200 + random() * 5_000, () => strike(stage, fault))
  }
  await cluster.time.run(() => streams.filter((stream) => stream.isDone).length === plans.length, 400_000)
  const isExcused = !couldHold(cluster.devices)
  const longestGapMs = Math.max(0, ...streams.map(longestGap))
  const verdicts = plans.map((plan, i) => judge(plan, streams[i] ?? follow(cluster.time, (async function* () {})()), isExcused))
  return {
    seed,
    devices: cluster.devices.length,
    streams: plans.length,
    faults: stage.faults,
    right: verdicts.filter((verdict) => verdict === 'right').length,
    excused: verdicts.filter((verdict) => verdict === 'excused').length,
    draftedTokens,
    cachedTokens: streams.reduce((sum, stream) => sum + stream.cached, 0),
    problems: [
      ...verdicts.flatMap((verdict, i) => (verdict === 'right' || verdict === 'excused' ? [] : [`stream ${i}: ${verdict}`])),
      ...(longestGapMs > STALL_MS ? [`a stream paused for ${(longestGapMs / 1000).toFixed(0)} s`] : []),
    ],
    longestGapMs,
    virtualMs: cluster.time.now() - start,
    log: cluster.log,
  }
}
