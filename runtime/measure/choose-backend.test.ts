import { expect, test } from 'vitest'
import { loadKernels } from '../../api-gateway/local-device-kernels.ts'
import { formatsOf } from '../../core/graph/emit-options.ts'
import type { Backend, Capabilities } from '../../protocol/cluster.ts'
import { modelId } from '../../protocol/ids.ts'
import { loadShard } from '../engines/load-shard.ts'
import { loadOrt } from '../engines/ort.ts'
import type { ShardRunner } from '../shard-runner.ts'
import { chooseBackend, type MeasuredModel, type RunMeasurement } from './choose-backend.ts'
import { knownLogits } from './known-model.ref.ts'
import { KNOWN_PROMPT } from './known-model.ts'
import KNOWN_LOGITS from './known-logits.json' with { type: 'json' }
import { parseMeasurements, remembering, type Measurements } from './known-measurements.ts'
import { measureBackend, type Measurement } from './measure-backend.ts'
import { referenceModel } from './reference-model.ts'
import type { OpenKnownShard } from './self-test.ts'

const capabilities = (backend: Backend): Capabilities => ({
  backend,
  weightFormats: formatsOf(backend, 'f32'),
  floatType: 'f32',
  memoryBytes: 2 ** 30,
  threads: 1,
  hardware: 'a test',
})
const { config, ...REFERENCE } = referenceModel()
/** Of few layers, which are soon filled. */
const FEW = { ...REFERENCE, config: { ...config, numLayers: 3, layers: config.layers.slice(0, 3) } }
const MEASURED: MeasuredModel = { description: FEW, model: modelId('toy'), quality: 'balanced', contextLength: 128 }
const [SIMD, WEBGPU, WASM] = [capabilities('simd'), capabilities('webgpu'), capabilities('wasm')]

const inNode =
  (openShard: (backend: Backend) => OpenKnownShard): RunMeasurement =>
  (job) =>
    measureBackend(job, {
      open: async ({ backend }) =>
        backend === 'simd' ? { backend, simd: await loadKernels() } : { backend, ort: await loadOrt({ backend: 'wasm', numThreads: 1 }) },
      openShard: openShard(job.capabilities.backend),
      // A machine that is busy runs out of no time.
      now: () => performance.now() / 20,
    })
const sound = inNode(() => loadShard)

/** An engine that is deliberately wrong: logits of a decoded token are the right ones' neighbours. */
const broken: OpenKnownShard = async (options) => {
  const runner = await loadShard(options)
  const run: ShardRunner['run'] = async (pass) => {
    const output = await runner.run(pass)
    if (output.type !== 'head') return output
    const { head } = output
    return { type: 'head', head: { ...head, readLogits: async () => (await head.readLogits()).map((_, i, all) => all[i === 0 ? 0 : i - 1] ?? 0) } }
  }
  return { ...runner, run }
}

const timed = (layerMs: number): Measurement => ({ outcome: 'timed', speeds: [{ weightFormat: 'f32', layerMs }] })
const scripted =
  (answers: Readonly<Record<Backend, Measurement>>): RunMeasurement =>
  (job) =>
    Promise.resolve(answers[job.capabilities.backend])

test('known answers are those of a model in f64, step by step', () => {
  const logits = knownLogits(KNOWN_PROMPT)
  expect(logits.length).toBe(KNOWN_LOGITS.length)
  logits.forEach((logit, i) => expect(logit).toBeCloseTo(KNOWN_LOGITS[i] ?? NaN, 6))
})

test('both backends of Node are right, and the faster one is taken with a layer time in each of its formats', async () => {
  const seen: Measurement[] = []
  const chosen = await chooseBackend([SIMD, WASM], MEASURED, async (job, deadlineMs) => {
    const measurement = await sound(job, deadlineMs)
    seen.push(measurement)
    return measurement
  })
  const times = seen.map((one) => (one.outcome === 'timed' ? (one.speeds[0]?.layerMs ?? NaN) : NaN))
  expect(chosen.backend).toBe((times[0] ?? NaN) <= (times[1] ?? NaN) ? 'simd' : 'wasm')
  expect(chosen.layerSpeeds?.length).toBeGreaterThan(1)
  expect(chosen.layerSpeeds?.every(({ model, layerMs }) => model === 'toy' && layerMs > 0)).toBe(true)
})

test('a backend that is wrong loses by its self-test, however fast, and the sentence says so', async () => {
  const run = inNode((backend) => (backend === 'simd' ? broken : loadShard))
  const chosen = await chooseBackend([SIMD, WASM], MEASURED, run)
  expect(chosen.backend).toBe('wasm')
  expect(chosen.backendReason).toMatch(/the processor \(SIMD\) is out: it computes wrongly: answers that are known came out \d+ % off/)
})

test('a slow GPU loses by its time alone, whatever its name', async () => {
  const answers = { simd: timed(0.4), webgpu: timed(12), wasm: timed(0.9) }
  const chosen = await chooseBackend([SIMD, { ...WEBGPU, hardware: 'a fine GPU' }, WASM], MEASURED, scripted(answers))
  expect(chosen.backend).toBe('simd')
  expect(chosen.backendReason).toBe(
    'Takes the processor (SIMD): 0.40 ms a layer of toy in f32; the GPU took 12 ms; ONNX Runtime on the processor took 0.90 ms.',
  )
  expect((await chooseBackend([SIMD, WEBGPU], MEASURED, scripted({ ...answers, webgpu: timed(0.1) }))).backend).toBe('webgpu')
})

test('of one thread and several the faster is taken, and the sentence tells both', async () => {
  const run: RunMeasurement = ({ capabilities: { threads } }) => Promise.resolve(timed(threads === 1 ? 0.5 : 0.8))
  const chosen = await chooseBackend([{ ...SIMD, threads: 3 }, SIMD], MEASURED, run)
  expect(chosen.threads).toBe(1)
  expect(chosen.backendReason).toBe(
    'Takes the processor (SIMD) with one thread: 0.50 ms a layer of toy in f32; the processor (SIMD) with 3 threads took 0.80 ms.',
  )
})

test('with no right backend the device does not join, and says what each did', async () => {
  const out: Measurement = { outcome: 'out', reason: 'it computes wrongly' }
  const run = scripted({ simd: out, webgpu: out, wasm: out })
  await expect(chooseBackend([SIMD, WASM], MEASURED, run)).rejects.toMatchObject({
    code: 'unsupported_backend',
    message: expect.stringContaining('SIMD') as string,
  })
})

test('a rejoin does not measure again: neither the same layers, nor after a new start; other layers are', async () => {
  let [trials, kept]: [number, Measurements] = [0, {}]
  const counting: RunMeasurement = () => {
    trials += 1
    return Promise.resolve(timed(trials))
  }
  const start = () => remembering(counting, parseMeasurements(JSON.stringify(kept)), 'engine 1', (all) => (kept = all))
  const first = await chooseBackend([SIMD, WASM], MEASURED, start())
  expect(trials).toBe(2)
  expect(await chooseBackend([SIMD, WASM], MEASURED, start())).toEqual(first)
  expect(trials).toBe(2)
  const wider = { ...MEASURED, description: { ...MEASURED.description, config: { ...config, normEpsilon: 1e-6 } } }
  await chooseBackend([SIMD, WASM], { ...wider, contextLength: 64 }, start()).catch(() => undefined)
  expect(trials).toBeGreaterThan(2)
  expect(parseMeasurements('{"a": 1}')).toEqual({})
})
