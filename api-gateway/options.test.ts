import { expect, test } from 'vitest'
import { ClusterError } from '../protocol/errors.ts'
import { parseOptions } from './options.ts'

const parse = (argv: readonly string[], env: Record<string, string> = {}) => parseOptions(argv, env, 'linux', '/home/ann')
const refusal = (argv: readonly string[], env: Record<string, string> = {}): ClusterError => {
  try {
    parse(argv, env)
  } catch (error) {
    if (error instanceof ClusterError) return error
    throw error
  }
  throw new Error(`accepted ${argv.join(' ')}`)
}

test('gives every option its documented default', () => {
  expect(parse([])).toEqual({
    port: 8080,
    host: '127.0.0.1',
    home: '/home/ann/.local/share/ringlet',
    modelsDir: '/home/ann/.local/share/ringlet/models',
    modelUrls: new Map(),
    model: 'ember',
    devices: 0,
    maxDevices: 1024,
    backend: 'auto',
    placement: 'memory-weighted',
    quality: 'balanced',
    keepsPrefixes: true,
    admission: { running: 512, waiting: 512 },
    https: false,
    mdns: 'ringlet',
    opens: true,
    apiKeys: [],
    allowedOrigins: [],
    joinToken: null,
    asksFirst: false,
    graceSeconds: 30,
    localDevice: 'withdraw',
    hfEndpoint: 'https://huggingface.co',
    hfToken: null,
    offline: false,
    redisUrl: null,
    chromiumPath: null,
    debug: '',
  })
})

test('reads every option from the command line', () => {
  const options = parse(
    '--port 9000 --host 0.0.0.0 --models-dir /m --model org/name --devices 3 --max-devices 2 --backend wasm --placement memory-weighted --quality small --prefix-cache off --https --api-key a --api-key b,c --join-token t --allow-origin https://Chat.example --allow-origin http://10.0.0.2:80/,https://b.example:8443 --grace 5 --approve --mdns home --no-open --local-device=stay'.split(
      ' ',
    ),
  )
  expect(options).toMatchObject({ port: 9000, host: '0.0.0.0', modelsDir: '/m', model: 'org/name', devices: 3, maxDevices: 2, backend: 'wasm' })
  expect(options).toMatchObject({
    keepsPrefixes: false,
    placement: 'memory-weighted',
    quality: 'small',
    https: true,
    mdns: 'home',
    opens: false,
    apiKeys: ['a', 'b', 'c'],
    joinToken: 't',
    allowedOrigins: ['https://chat.example', 'http://10.0.0.2', 'https://b.example:8443'],
    asksFirst: true,
    graceSeconds: 5,
    localDevice: 'stay',
  })
})

test('takes the environment where no argument is given, and the argument where both are', () => {
  const env = {
    RINGLET_PORT: '9001',
    RINGLET_DEVICES: '2',
    RINGLET_LOCAL_DEVICE: 'off',
    RINGLET_HTTPS: 'true',
    RINGLET_API_KEY: 'k',
    HF_ENDPOINT: 'http://mirror:3/',
  }
  expect(parse(['--devices', '4'], env)).toMatchObject({
    port: 9001,
    devices: 4,
    localDevice: 'off',
    https: true,
    apiKeys: ['k'],
    hfEndpoint: 'http://mirror:3',
  })
  expect(parse(['--no-https'], env).https).toBe(false)
})

test('knows the three spellings of the local device', () => {
  expect(parse(['--local-device']).localDevice).toBe('withdraw')
  expect(parse(['--no-local-device']).localDevice).toBe('off')
  expect(parse(['--local-device=stay', '--no-local-device']).localDevice).toBe('off')
})

test('RINGLET_HOME moves the models folder with it', () => {
  expect(parse([], { RINGLET_HOME: '/srv/ringlet' })).toMatchObject({ home: '/srv/ringlet', modelsDir: '/srv/ringlet/models' })
})

test.each([
  [['--port', '70000'], '--port expects a whole number from 0 to 65535, but got "70000"'],
  [['--port', '-1'], 'Option'],
  [['--port', '8e3'], '--port expects a whole number'],
  [['--devices', 'many'], '--devices expects a whole number from 0 to 64, but got "many"'],
  [['--max-devices', '0'], '--max-devices expects a whole number from 1 to 1024'],
  [['--backend', 'cuda'], '--backend expects one of auto, webgpu, simd, wasm, but got "cuda"'],
  [['--placement', 'fastest'], '--placement expects one of memory-weighted, latency, throughput, auto'],
  [['--quality', 'best'], '--quality expects one of quality, balanced, small'],
  [['--model', '../../etc'], '--model expects a model id'],
  [['--local-device=maybe'], '--local-device expects one of off, withdraw, stay'],
  [['--allow-origin', '*'], '--allow-origin expects an origin such as https://chat.example'],
  [['--allow-origin', 'https://chat.example/page'], '--allow-origin expects an origin'],
  [['--allow-origin', 'null'], '--allow-origin expects an origin'],
  [['--colour'], "Unknown option '--colour'"],
  [['ember'], 'Unexpected argument'],
])('refuses %j and says why', (argv, message) => {
  const error = refusal(argv)
  expect(error.code).toBe('invalid_value')
  expect(error.message).toContain(message)
  expect(error.message).toContain('--help')
})

test('refuses a bad value of the environment under the name of its option', () => {
  expect(refusal([], { RINGLET_PORT: 'http' }).message).toContain('--port expects')
  expect(refusal([], { HF_ENDPOINT: 'ftp://hub' }).message).toContain('HF_ENDPOINT expects an http or https URL')
})
