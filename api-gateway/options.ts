/** What `npm start` was asked for: arguments first, then the environment, then the default of options.json. */
import os from 'node:os'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { backendSchema, qualitySchema, strategySchema, type Backend, type Quality, type Strategy } from '../protocol/cluster.ts'
import { ClusterError } from '../protocol/errors.ts'
import { isModelId, type ModelId } from '../protocol/ids.ts'
import type { AdmissionLimits } from './jobs/admission.ts'
import OPTION_TABLE from './options.json' with { type: 'json' }

export type Options = {
  readonly port: number
  readonly host: string
  /** Folder of this server's own files: models, keys, certificates. */
  readonly home: string
  /** Folder of models, folders or GGUF files, beside the embedded one. */
  readonly modelsDir: string
  /** Models at addresses: each a GGUF file, or a folder with a config.json. */
  readonly modelUrls: ReadonlyMap<ModelId, string>
  readonly model: ModelId
  /** Headless browser devices to open on this machine. */
  readonly devices: number
  /** Most devices in one ring. */
  readonly maxDevices: number
  /** What the headless devices run on. */
  readonly backend: Backend | 'auto'
  readonly placement: Strategy
  /** What the model is held for: exactness or size. */
  readonly quality: Quality
  /** Answers may begin from what earlier ones with the same API key computed. */
  readonly keepsPrefixes: boolean
  /** Answers that run at once, and requests that wait. */
  readonly admission: AdmissionLimits
  readonly https: boolean
  /** First part of the name on the local network, `NAME.local`; null = none. */
  readonly mdns: string | null
  /** Opens the first page in this machine's browser. */
  readonly opens: boolean
  /** Keys of which an API request must carry one; empty = no key needed. */
  readonly apiKeys: readonly string[]
  /** Origins, beside this server's own and localhost, whose pages may call the API. */
  readonly allowedOrigins: readonly string[]
  /** Token that devices must carry to join; null = none needed. */
  readonly joinToken: string | null
  /** A device waits until somebody lets it in. */
  readonly asksFirst: boolean
  /** Seconds that running answers get to finish when the server is stopped. */
  readonly graceSeconds: number
  readonly localDevice: 'off' | 'withdraw' | 'stay'
  /** Base URL of the hub that model ids refer to. */
  readonly hfEndpoint: string
  readonly hfToken: string | null
  /** Never use the network for models. */
  readonly offline: boolean
  readonly redisUrl: string | null
  /** Executable of the browser for headless devices, as found by the bootstrap; null = Playwright's own. */
  readonly chromiumPath: string | null
  /** Log level 0 to 9, or scopes separated by commas; empty = the default. */
  readonly debug: string
}

type Environment = Readonly<Record<string, string | undefined>>

/** `option` as people write it: `--port`, or the name of a variable. */
const refuse = (option: string, expected: string, came: string): never => {
  throw new ClusterError('invalid_value', `${option} expects ${expected}, but got "${came}"; npm start -- --help lists all options`, {
    detail: { param: option },
  })
}

/** `--local-device` alone means the default mode and `--no-local-device` means off; parseArgs knows neither. */
function spellOut(argument: string): string {
  if (argument === '--local-device') return '--local-device=withdraw'
  if (argument === '--no-local-device') return '--local-device=off'
  return argument
}

/** Every value given for each option, in order. */
function argumentsByName(argv: readonly string[]): ReadonlyMap<string, readonly string[]> {
  const options = Object.fromEntries(
    OPTION_TABLE.map((option) => [option.name, { type: 'argument' in option ? ('string' as const) : ('boolean' as const), multiple: true as const }]),
  )
  try {
    const { values } = parseArgs({ args: argv.map(spellOut), options, strict: true, allowPositionals: false, allowNegative: true })
    return new Map(
      Object.entries(values).map(([name, given]) => [
        name,
        [given ?? []].flat().map((value) => (value === true ? '1' : value === false ? '0' : value)),
      ]),
    )
  } catch (cause) {
    const reason = cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause)
    throw new ClusterError('invalid_value', `${reason}; npm start -- --help lists all options`, { cause })
  }
}

/** The values of one option: from the arguments, else its environment variable, else its default. Empty text counts as not given. */
function valuesReader(argv: readonly string[], env: Environment): (name: string) => readonly string[] {
  const given = argumentsByName(argv)
  return (name) => {
    const option = OPTION_TABLE.find((candidate) => candidate.name === name)
    if (!option) throw new Error(`options.json has no option ${name}`)
    const fromArguments = given.get(name) ?? []
    if (fromArguments.length > 0) return fromArguments
    const fallback = env[option.env] || option.default
    return fallback === '' ? [] : [fallback]
  }
}

function integer(name: string, text: string, min: number, max: number): number {
  const value = Number(text)
  if (/^\d+$/.test(text) && value >= min && value <= max) return value
  return refuse(`--${name}`, `a whole number from ${min} to ${max}`, text)
}

function choice<Value extends string>(name: string, text: string, values: readonly Value[]): Value {
  return values.find((value) => value === text) ?? refuse(`--${name}`, `one of ${values.join(', ')}`, text)
}

function flag(name: string, text: string): boolean {
  return choice(name, text.toLowerCase(), ['1', 'true', 'yes', '0', 'false', 'no']).search(/^(1|true|yes)$/) === 0
}

/** The folder for a program's own files on this platform. */
function dataFolder(env: Environment, platform: NodeJS.Platform, homeDir: string): string {
  if (env['RINGLET_HOME']) return path.resolve(env['RINGLET_HOME'])
  if (platform === 'darwin') return path.join(homeDir, 'Library/Application Support/Ringlet')
  if (platform === 'win32') return path.join(env['LOCALAPPDATA'] ?? path.join(homeDir, 'AppData/Local'), 'Ringlet')
  return path.join(env['XDG_DATA_HOME'] ?? path.join(homeDir, '.local/share'), 'ringlet')
}

const url = (name: string, text: string): string =>
  URL.canParse(text) && /^https?:/.test(text) ? text.replace(/\/+$/, '') : refuse(name, 'an http or https URL', text)

/** `off`, or a name as DNS has it. */
const localName = (text: string): string | null =>
  text === 'off'
    ? null
    : /^[a-z0-9]([a-z0-9-]{0,60}[a-z0-9])?$/.test(text)
      ? text
      : refuse('--mdns', 'a name of letters, digits and dashes, or off', text)

/** As browsers write it in `Origin`: scheme, host, and a port that is not the scheme's own. */
function origin(text: string): string {
  if (URL.canParse(text) && /^https?:/.test(text) && /^[^/]+\/\/[^/]+\/?$/.test(text)) return new URL(text).origin
  return refuse('--allow-origin', 'an origin such as https://chat.example, without a path; "*" would let every page in', text)
}

/** `NAME=URL`; several, separated by spaces, in the environment's variable. */
function modelUrl(text: string): readonly [ModelId, string] {
  const [, name, address = ''] = /^([^=]+)=(.+)$/.exec(text) ?? []
  if (!isModelId(name) || !URL.canParse(address) || !/^https?:/.test(address))
    return refuse('--model-url', 'NAME=URL with an http or https URL of a .gguf file or of a folder with config.json', text)
  return [name, new URL(address).href]
}

/**
 * @param argv arguments after the program's name
 * @throws {ClusterError} invalid_value; the message names the option, what it expects and what came
 */
export function parseOptions(
  argv: readonly string[],
  env: Environment,
  platform: NodeJS.Platform = process.platform,
  homeDir: string = os.homedir(),
): Options {
  const values = valuesReader(argv, env)
  const last = (name: string): string => values(name).at(-1) ?? ''
  const home = dataFolder(env, platform, homeDir)
  const model = last('model')
  return {
    port: integer('port', last('port'), 0, 65535),
    host: last('host'),
    home,
    modelsDir: path.resolve(last('models-dir') || path.join(home, 'models')),
    modelUrls: new Map(
      values('model-url').flatMap((urls) =>
        urls
          .split(/\s+/)
          .filter((text) => text !== '')
          .map(modelUrl),
      ),
    ),
    model: isModelId(model) ? model : refuse('--model', 'a model id such as ember, org/name or org/name/file.gguf', model),
    devices: integer('devices', last('devices'), 0, 64),
    maxDevices: integer('max-devices', last('max-devices'), 1, 1024),
    backend: choice('backend', last('backend'), ['auto', ...backendSchema.options]),
    placement: choice('placement', last('placement'), strategySchema.options),
    quality: choice('quality', last('quality'), qualitySchema.options),
    keepsPrefixes: choice('prefix-cache', last('prefix-cache'), ['on', 'off']) === 'on',
    admission: {
      running: integer('max-answers', last('max-answers'), 1, 100_000),
      waiting: integer('max-waiting', last('max-waiting'), 0, 1_000_000),
    },
    https: flag('https', last('https')),
    mdns: localName(last('mdns')),
    opens: flag('open', last('open')),
    apiKeys: values('api-key')
      .flatMap((keys) => keys.split(','))
      .map((key) => key.trim())
      .filter((key) => key !== ''),
    allowedOrigins: values('allow-origin')
      .flatMap((origins) => origins.split(/[\s,]+/))
      .filter((text) => text !== '')
      .map(origin),
    joinToken: last('join-token') || null,
    asksFirst: flag('approve', last('approve')),
    graceSeconds: integer('grace', last('grace'), 0, 3600),
    localDevice: choice('local-device', last('local-device'), ['off', 'withdraw', 'stay']),
    hfEndpoint: url('HF_ENDPOINT', env['HF_ENDPOINT'] || 'https://huggingface.co'),
    hfToken: env['HF_TOKEN'] || null,
    offline: env['RINGLET_OFFLINE'] === '1',
    redisUrl: env['REDIS_URL'] || null,
    chromiumPath: env['CHROMIUM_PATH'] || null,
    debug: env['DEBUG'] ?? '',
  }
}
