import { expect, test } from 'vitest'
import { describeModel } from '../../core/model/describe-model.ts'
import { httpSource } from '../../core/model/http-source.ts'
import { memorySource } from '../../core/model/memory-source.ts'
import { sharedSources } from './shared-sources.ts'

test('one source is opened from the description to the end of the last load, and a new one after it or after a failure', async () => {
  let opened = 0
  const sources = sharedSources((label) => memorySource(`${label} ${++opened}`, new Map()))
  const described = sources.get('a')
  let release = (): void => undefined
  const first = sources.use('a', async (source) => {
    expect(source).toBe(described)
    await new Promise<void>((resolve) => (release = resolve))
  })
  await sources.use('a', async (source) => expect(source).toBe(described))
  expect(sources.get('a')).toBe(described)
  release()
  await first
  expect(sources.get('a')).not.toBe(described)
  const next = sources.get('a')
  sources.forget('a')
  expect(sources.get('a')).not.toBe(next)
  expect(opened).toBe(3)
})

test('a host that ignores ranges is asked for a file once, to describe the model and to load from it', async () => {
  const header = new TextEncoder().encode('{"x":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}')
  const file = new Uint8Array(8 + header.length + 8)
  new DataView(file.buffer).setBigUint64(0, BigInt(header.length), true)
  file.set(header, 8)
  const CONFIG = {
    model_type: 'llama',
    hidden_size: 8,
    intermediate_size: 8,
    num_hidden_layers: 1,
    num_attention_heads: 1,
    vocab_size: 8,
    rms_norm_eps: 1e-5,
    max_position_embeddings: 16,
  }
  const asked: string[] = []
  const fetch = async (url: string): Promise<Response> => {
    const name = url.split('/').at(-1) ?? ''
    asked.push(name)
    const body = name === 'model.safetensors' ? file : name === 'config.json' ? JSON.stringify(CONFIG) : null
    return body === null ? new Response(null, { status: 404 }) : new Response(body)
  }
  const clock = { now: () => 0, timer: () => () => undefined }
  const sources = sharedSources((address) => httpSource(address, { fetch, clock, random: () => 0 }))
  const { tensors } = await describeModel(sources.get('http://host/model'))
  const location = tensors.get('x')
  await sources.use('http://host/model', (source) => source.readRange('model.safetensors', location?.start ?? 0, location?.end ?? 0))
  expect(asked.filter((name) => name === 'model.safetensors')).toHaveLength(1)
})
